//! The open sequences, and the numbers under which the caller knows them.

use std::collections::VecDeque;

use headrace_core::{Code, Error, Result};

use crate::sequence::Sequence;

/// Bits of a sequence's number that say where it lies; the others count how often its place was used.
const PLACE_BITS: u32 = 16;

#[derive(Debug, Default)]
struct Place {
    generation: u16,
    open: bool,
    sequence: Sequence,
}

/// Open sequences in places that are used in turn, so that the number of a closed one is not given again for as long as
/// possible: before 65,535 others have had its place. Numbers are never 0. Operations are O(1).
#[derive(Debug)]
pub(crate) struct Sequences {
    places: Vec<Place>,
    vacant: VecDeque<u32>,
    max: u32,
}

impl Sequences {
    pub(crate) fn new(max: u32) -> Self {
        Sequences { places: Vec::new(), vacant: VecDeque::new(), max }
    }

    pub(crate) fn len(&self) -> u32 {
        (self.places.len() - self.vacant.len()) as u32
    }

    /// Takes a sequence in and returns its number; `HR_KV_CAPACITY` when there are as many as may be.
    pub(crate) fn insert(&mut self, sequence: Sequence) -> Result<u32> {
        if (self.places.len() as u32) < self.max {
            self.vacant.push_back(self.places.len() as u32);
            self.places.push(Place::default());
        }
        let Some(at) = self.vacant.pop_front() else {
            let message = format!("{} sequences are open, and no more may be", self.max);
            return Err(Error::new(Code::KvCapacity, message).hint("Close one first, or allow for more sequences."));
        };
        let place = &mut self.places[at as usize];
        place.generation = place.generation.checked_add(1).unwrap_or(1);
        place.open = true;
        place.sequence = sequence;
        Ok(at | u32::from(place.generation) << PLACE_BITS)
    }

    /// Where the sequence with this number lies; an error for a number that no open sequence has.
    pub(crate) fn place(&self, number: u32) -> Result<usize> {
        let at = (number & ((1 << PLACE_BITS) - 1)) as usize;
        match self.places.get(at) {
            Some(place) if place.open && u32::from(place.generation) == number >> PLACE_BITS => Ok(at),
            _ => Err(Error::internal(format!("there is no open sequence {number}"))),
        }
    }

    /// The places of several sequences; an error if one is named twice. O(n log n).
    pub(crate) fn places(&self, numbers: &[u32]) -> Result<Vec<usize>> {
        let places = numbers.iter().map(|&number| self.place(number)).collect::<Result<Vec<_>>>()?;
        let mut sorted = places.clone();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            None => Ok(places),
            Some(pair) => Err(Error::internal(format!("sequence {} is named twice", self.number(pair[0])))),
        }
    }

    pub(crate) fn at(&self, place: usize) -> &Sequence {
        &self.places[place].sequence
    }

    pub(crate) fn at_mut(&mut self, place: usize) -> &mut Sequence {
        &mut self.places[place].sequence
    }

    pub(crate) fn number(&self, place: usize) -> u32 {
        place as u32 | u32::from(self.places[place].generation) << PLACE_BITS
    }

    /// Forgets the sequence in a place.
    pub(crate) fn remove(&mut self, place: usize) {
        self.places[place].open = false;
        self.places[place].sequence = Sequence::default();
        self.vacant.push_back(place as u32);
    }

    /// The open sequences with their places. O(places).
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Sequence)> {
        self.places.iter().enumerate().filter(|(_, place)| place.open).map(|(at, place)| (at, &place.sequence))
    }
}
