//! The types of columns, and how each is laid out in Arrow.

use std::sync::Arc;

use arrow_schema::{DataType as ArrowType, Field as ArrowField, Schema, TimeUnit};
use headrace_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};

/// The type of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum DataType {
    /// True or false.
    Bool,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// Text in UTF-8.
    Utf8,
    /// Text in UTF-8, each value of a batch once, in a dictionary: a row holds the place of its value there. For columns
    /// of few values.
    Dictionary,
    /// Bytes.
    Binary,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since the epoch, UTC.
    Timestamp,
    /// A span of microseconds.
    Duration,
    /// A list of values of one type.
    List {
        /// The type of the items, which may be null.
        item: Box<DataType>,
    },
    /// A record of named values.
    Struct {
        /// The members, in order.
        fields: Vec<Field>,
    },
}

/// A named, typed column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// The column's type.
    pub data: DataType,
    /// Whether the column may hold nulls.
    pub nullable: bool,
}

impl DataType {
    /// The Arrow type that carries the column.
    pub fn to_arrow(&self) -> ArrowType {
        match self {
            DataType::Bool => ArrowType::Boolean,
            DataType::I32 => ArrowType::Int32,
            DataType::I64 => ArrowType::Int64,
            DataType::F32 => ArrowType::Float32,
            DataType::F64 => ArrowType::Float64,
            DataType::Utf8 => ArrowType::Utf8,
            DataType::Dictionary => ArrowType::Dictionary(Box::new(ArrowType::Int32), Box::new(ArrowType::Utf8)),
            DataType::Binary => ArrowType::Binary,
            DataType::Date => ArrowType::Date32,
            DataType::Timestamp => ArrowType::Timestamp(TimeUnit::Microsecond, None),
            DataType::Duration => ArrowType::Duration(TimeUnit::Microsecond),
            DataType::List { item } => ArrowType::List(Arc::new(ArrowField::new_list_field(item.to_arrow(), true))),
            DataType::Struct { fields } => ArrowType::Struct(fields.iter().map(Field::to_arrow).collect()),
        }
    }

    /// The column type an Arrow type carries.
    ///
    /// # Errors
    /// `HR_TYPE_MISMATCH` for an Arrow type that headrace does not carry; sources widen such columns first.
    pub fn from_arrow(arrow: &ArrowType) -> Result<Self> {
        Ok(match arrow {
            ArrowType::Boolean => DataType::Bool,
            ArrowType::Int32 => DataType::I32,
            ArrowType::Int64 => DataType::I64,
            ArrowType::Float32 => DataType::F32,
            ArrowType::Float64 => DataType::F64,
            ArrowType::Utf8 => DataType::Utf8,
            ArrowType::Dictionary(place, value)
                if (place.as_ref(), value.as_ref()) == (&ArrowType::Int32, &ArrowType::Utf8) =>
            {
                DataType::Dictionary
            }
            ArrowType::Binary => DataType::Binary,
            ArrowType::Date32 => DataType::Date,
            ArrowType::Timestamp(TimeUnit::Microsecond, None) => DataType::Timestamp,
            ArrowType::Duration(TimeUnit::Microsecond) => DataType::Duration,
            ArrowType::List(item) => DataType::List { item: Box::new(DataType::from_arrow(item.data_type())?) },
            ArrowType::Struct(fields) => {
                DataType::Struct { fields: fields.iter().map(|field| Field::from_arrow(field)).collect::<Result<_>>()? }
            }
            other => {
                return Err(Error::new(Code::TypeMismatch, format!("columns of Arrow type {other} are not carried")));
            }
        })
    }
}

impl Field {
    /// The Arrow field.
    pub fn to_arrow(&self) -> ArrowField {
        ArrowField::new(&self.name, self.data.to_arrow(), self.nullable)
    }

    /// The field an Arrow field carries.
    ///
    /// # Errors
    /// As [`DataType::from_arrow`], naming the column.
    pub fn from_arrow(field: &ArrowField) -> Result<Self> {
        let data = DataType::from_arrow(field.data_type())
            .map_err(|error| Error::new(error.code(), format!("column '{}': {}", field.name(), error.message())))?;
        Ok(Field { name: field.name().clone(), data, nullable: field.is_nullable() })
    }
}

/// The Arrow schema of a list of fields.
pub fn to_schema(fields: &[Field]) -> Schema {
    Schema::new(fields.iter().map(Field::to_arrow).collect::<Vec<_>>())
}

/// The fields of an Arrow schema.
///
/// # Errors
/// As [`Field::from_arrow`].
pub fn from_schema(schema: &Schema) -> Result<Vec<Field>> {
    schema.fields().iter().map(|field| Field::from_arrow(field)).collect()
}
