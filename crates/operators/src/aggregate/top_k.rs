//! `topK`: Count-Min and a bounded set of candidates.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, ListArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{Field, Fields};
use headrace_core::{Result, time::Micros};
use headrace_plan::DataType;
use headrace_sketch::TopK as Sketch;

use super::{
    Aggregate, Finish, unfit, unreadable,
    value::{Value, Values, build},
};

#[derive(Clone, Copy)]
pub(super) struct TopK {
    pub(super) k: u16,
}

/// The members of one entry: the value and how often it came.
pub(super) fn entry_fields(item: &DataType) -> Fields {
    Fields::from(vec![Field::new("value", item.to_arrow(), true), Field::new("count", DataType::I64.to_arrow(), true)])
}

impl Aggregate for TopK {
    type State = Sketch;
    type Input<'a> = Values<'a>;

    fn init(&self) -> Sketch {
        Sketch::new(self.k)
    }

    fn input<'a>(&self, arg: Option<&'a ArrayRef>) -> Result<Values<'a>> {
        Values::new(arg)
    }

    fn update(&self, state: &mut Sketch, input: &Values<'_>, row: usize, _: Micros) {
        match input.get(row) {
            Some(super::value::ValueRef::Bytes(value)) => state.update(value, 1),
            Some(value) => {
                let mut bytes = Vec::with_capacity(8);
                value.ordered_bytes(&mut bytes);
                state.update(&bytes, 1);
            }
            None => {}
        }
    }

    fn merge(&self, into: &mut Sketch, from: &Sketch) {
        into.merge(from);
    }

    fn finish<'a>(&self, finish: &Finish, states: impl Iterator<Item = &'a Sketch>) -> Result<ArrayRef> {
        let Finish::TopK { k, item } = finish else { return Err(unfit(finish)) };
        let (mut values, mut counts, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        for state in states {
            let top = state.top(*k);
            lengths.push(top.len());
            for (bytes, count) in top {
                values.push(Value::from_ordered_bytes(&bytes, item)?);
                counts.push(count as i64);
            }
        }
        let columns = vec![
            build(item, values.iter().map(|value| Some(value.as_ref())))?,
            Arc::new(Int64Array::from(counts)) as ArrayRef,
        ];
        let entries = StructArray::try_new(entry_fields(item), columns, None)?;
        let field = Arc::new(Field::new_list_field(arrow_schema::DataType::Struct(entry_fields(item)), true));
        Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), Arc::new(entries), None)?))
    }

    fn encode(&self, state: &Sketch, out: &mut Vec<u8>) {
        state.encode(out);
    }

    fn decode(&self, bytes: &[u8]) -> Result<Sketch> {
        Sketch::decode(bytes).map_err(|error| unreadable(&error))
    }
}
