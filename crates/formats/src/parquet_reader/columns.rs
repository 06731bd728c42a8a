//! Which columns of a file are read, and under which types.

use std::path::Path;

use arrow_schema::{Field, Schema};
use headrace_core::{Code, Error, Result, suggest::suggest_column};

use crate::carried::{carried_field, widens};

/// The chosen columns as numbers of the file's columns, and their fields as carried.
pub(super) fn choose_columns(path: &Path, in_file: &Schema, declared: Option<&Schema>) -> Result<(Vec<usize>, Schema)> {
    let Some(declared) = declared else {
        let fields = in_file.fields().iter().map(|field| carried(path, field)).collect::<Result<Vec<_>>>()?;
        return Ok(((0..fields.len()).collect(), Schema::new(fields)));
    };
    let mut roots = Vec::with_capacity(declared.fields().len());
    for field in declared.fields() {
        let (root, found) = in_file.fields().find(field.name()).ok_or_else(|| unknown(path, field.name(), in_file))?;
        let found = carried(path, found)?;
        if !widens(found.data_type(), field.data_type()) {
            let (name, file, declared, found) = (field.name(), path.display(), field.data_type(), found.data_type());
            let message = format!("column '{name}' of '{file}' is declared as {declared}, but the file has {found}");
            return Err(Error::new(Code::TypeMismatch, message)
                .hint(format!("Declare it as {found} and cast it in the pipeline.")));
        }
        roots.push(root);
    }
    let fields =
        declared.fields().iter().map(|field| Field::new(field.name(), field.data_type().clone(), field.is_nullable()));
    Ok((roots, Schema::new(fields.collect::<Vec<_>>())))
}

fn carried(path: &Path, field: &Field) -> Result<Field> {
    carried_field(field).ok_or_else(|| {
        let (name, file, found) = (field.name(), path.display(), field.data_type());
        Error::new(Code::TypeMismatch, format!("column '{name}' of '{file}' is {found}, which headrace does not carry"))
            .hint("Declare the columns to read, without this one, or write the file with it cast to another type.")
    })
}

fn unknown(path: &Path, name: &str, in_file: &Schema) -> Error {
    let error = Error::new(Code::UnknownColumn, format!("'{}' has no column '{name}'", path.display()));
    suggest_column(error, name, in_file.fields().iter().map(|field| field.name().as_str()))
}
