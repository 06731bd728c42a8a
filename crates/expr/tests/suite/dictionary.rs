//! Dictionary columns: to every operation they are text.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray, cast::AsArray};
use headrace_expr::{Compiled, compile, compile_column};
use headrace_plan::{BinaryOp, DataType, Expr, Function, UnaryOp};

use crate::build::{bin, call, case, cast, col, null, try_cast, un, utf8};

/// The same texts plain and as a dictionary that holds one value twice and one that no row has.
fn batch() -> RecordBatch {
    let values = Arc::new(StringArray::from(vec!["7", "éa", "unused", "7", ""]));
    let places = Int32Array::from(vec![Some(0), None, Some(3), Some(1), Some(4)]);
    let texts = StringArray::from(vec![Some("7"), None, Some("7"), Some("éa"), Some("")]);
    let columns: [(&str, ArrayRef); 2] =
        [("text", Arc::new(texts)), ("dictionary", Arc::new(DictionaryArray::new(places, values)))];
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

fn evaluate(compiled: &Compiled) -> ArrayRef {
    let result = compiled.evaluate(&batch()).expect("a value for every row");
    assert_eq!(result.data_type(), &compiled.data_type().to_arrow());
    result
}

#[test]
fn operations_see_text() {
    let operations: &[fn(Expr) -> Expr] = &[
        |arg| arg,
        |arg| un(UnaryOp::IsNull, arg),
        |arg| bin(BinaryOp::Eq, arg, utf8("7")),
        |arg| bin(BinaryOp::Lt, utf8("a"), arg),
        |arg| bin(BinaryOp::Eq, arg.clone(), arg),
        |arg| bin(BinaryOp::Eq, arg, col("text")),
        |arg| call(Function::Upper, [arg]),
        |arg| call(Function::Coalesce, [null(), arg, utf8("none")]),
        |arg| case([(un(UnaryOp::IsNull, arg.clone()), utf8("x"))], Some(arg)),
        |arg| try_cast(arg, DataType::I64),
        |arg| cast(arg, DataType::Utf8),
        |arg| call(Function::Lower, [cast(arg, DataType::Dictionary)]),
    ];
    for operation in operations {
        let [plain, encoded] =
            ["text", "dictionary"].map(|name| compile(&operation(col(name)), &batch().schema()).unwrap());
        assert_eq!(encoded.data_type(), plain.data_type());
        assert_eq!(encoded.nullable(), plain.nullable());
        assert_eq!(&evaluate(&encoded), &evaluate(&plain), "{:?}", operation(col("f")));
        // An empty batch is of the same types.
        let empty = encoded.evaluate(&batch().slice(0, 0)).unwrap();
        assert_eq!((empty.len(), empty.data_type()), (0, &encoded.data_type().to_arrow()));
    }
}

#[test]
fn a_bare_column_stays_as_it_is() {
    let compiled = compile_column(&col("dictionary"), &batch().schema()).unwrap();
    assert_eq!((compiled.data_type(), compiled.as_column()), (&DataType::Dictionary, Some(1)));
    assert_eq!(&evaluate(&compiled), batch().column(1));
}

#[test]
fn text_is_cast_to_a_dictionary() {
    for (expr, length) in [(col("text"), 3), (col("dictionary"), 3), (null(), 0), (utf8("a"), 1)] {
        let compiled = compile_column(&cast(expr.clone(), DataType::Dictionary), &batch().schema()).unwrap();
        let found = evaluate(&compiled);
        let dictionary = found.as_dictionary::<Int32Type>();
        assert_eq!((found.len(), dictionary.values().len()), (5, length));
        let texts = compile(&cast(expr, DataType::Utf8), &batch().schema()).unwrap();
        let decoded: StringArray = dictionary.downcast_dict::<StringArray>().unwrap().into_iter().collect();
        assert_eq!(&decoded, evaluate(&texts).as_string::<i32>());
    }
}
