//! A subtask: a chain of operators behind one head, as a step function.

use std::sync::Arc;

use headrace_connect::Prepared;
use headrace_core::{Error, Result, time::Micros};
use headrace_operators::{Barrier, BarrierKind, Counters, FrozenPart, Message, Observed};

use crate::{
    event::SourcePosition,
    exchange::{Exchange, Pending},
    head::{Head, Next},
    link::{Link, Stage, Target},
    own_time::OwnTime,
};

/// Steps that are taken before the caller is asked again whether to go on.
const BURST: usize = 64;

/// What a step of a subtask came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There is more to do.
    Worked,
    /// Nothing to do, or no room for what was done, until somebody wakes the subtask or this time comes; µs.
    Blocked(Option<Micros>),
    /// The subtask has ended.
    Done,
}

/// What a subtask gathers at a barrier.
pub(crate) struct Collected {
    pub(crate) subtask: u32,
    pub(crate) barrier: Barrier,
    /// The operators' parts, with their node and uid.
    pub(crate) parts: Vec<(usize, String, FrozenPart)>,
    pub(crate) prepared: Vec<Box<dyn Prepared>>,
    pub(crate) positions: Vec<SourcePosition>,
    /// What all nodes had counted when the barrier had passed them.
    pub(crate) counters: Vec<NodeCounters>,
    pub(crate) frozen_micros: Micros,
}

enum Task {
    Deliver(usize, Message),
    Resume(usize),
    Send(usize, Pending),
}

/// What a subtask hears from, and says to, the rest of the job.
pub(crate) trait Supervisor {
    /// A barrier that the subtask's source shall inject.
    fn barrier(&self, subtask: u32) -> Option<Barrier>;
    /// The source of the subtask has given all its rows.
    fn exhausted(&self, subtask: u32);
    /// All that the subtask froze at a barrier.
    fn collected(&self, collected: Collected);
}

/// What one node of one subtask has counted and noticed.
#[derive(Debug, Clone)]
pub struct NodeCounters {
    /// The node's uid.
    pub uid: String,
    /// The node's name.
    pub name: String,
    /// The counts.
    pub counters: Counters,
    /// What else was noticed.
    pub observed: Observed,
}

/// A chain of operators behind one head.
pub struct Subtask {
    pub(crate) id: u32,
    head: Head,
    links: Vec<Link>,
    exchanges: Vec<Exchange>,
    // Work left over, the next piece on top: what follows from a message is done before the next message is taken.
    stack: Vec<Task>,
    // The link that is at work, or was last.
    at_work: usize,
    collected: Option<Collected>,
    frozen_at: Micros,
    exhausted: bool,
    ending: bool,
    rows_in: u64,
    time: OwnTime,
    /// Whether the last step ended because what was done found no room.
    had_no_room: bool,
}

impl Subtask {
    pub(crate) fn new(id: u32, head: Head, links: Vec<Link>, exchanges: Vec<Exchange>) -> Self {
        Subtask {
            id,
            head,
            links,
            exchanges,
            stack: Vec::new(),
            at_work: 0,
            collected: None,
            frozen_at: 0,
            exhausted: false,
            ending: false,
            rows_in: 0,
            time: OwnTime::default(),
            had_no_room: false,
        }
    }

    /// Lets every operator say what it knows from a restored checkpoint, before the first message.
    pub(crate) fn open(&mut self) {
        self.stack.extend((0..self.links.len()).rev().map(Task::Resume));
    }

    /// Sends the source to where it stood at the restored checkpoint, if the position is one of its partitions'.
    pub(crate) fn seek(&mut self, position: &SourcePosition) -> Result<()> {
        let Some(link) = self.links.first().filter(|link| link.uid == position.uid) else { return Ok(()) };
        self.head.seek(&position.position).map_err(|error| link.place(error))
    }

    /// The operators, to be restored.
    pub(crate) fn links_mut(&mut self) -> &mut [Link] {
        &mut self.links
    }

    /// Names the operator that is at work, or was last, as the place of an error.
    pub(crate) fn place(&self, error: Error) -> Error {
        self.links.get(self.at_work).map_or(error.clone(), |link| link.place(error))
    }

    /// The open calls to the host that may take as long as they like.
    pub(crate) fn unlimited_calls(&self) -> Vec<u64> {
        self.head.unlimited_calls()
    }

    /// Names the head's operator.
    pub(crate) fn at_head(&self, error: Error) -> Error {
        self.links.first().map_or(error.clone(), |link| link.place(error))
    }

    /// The counters of all nodes; the first one's include the rows that came in.
    pub fn counters(&self) -> Vec<NodeCounters> {
        let counters = |link: &Link| NodeCounters {
            uid: link.uid.clone(),
            name: link.name.clone(),
            counters: link.counters(),
            observed: link.observed(),
        };
        let mut all: Vec<NodeCounters> = self.links.iter().map(counters).collect();
        if let Some(first) = all.first_mut() {
            let (rows, is_source) = match &self.head {
                Head::Calls(calls) => (calls.rows, false),
                head => (self.rows_in, head.is_source()),
            };
            first.counters.push((if is_source { "sourceRows" } else { "headRows" }, rows));
        }
        all
    }

    /// Does a bounded amount of work; `now` is the injected clock's µs.
    ///
    /// # Errors
    /// The job's failure, with the operator's place.
    pub(crate) fn step(&mut self, now: Micros, supervisor: &dyn Supervisor) -> Result<Step> {
        if std::mem::take(&mut self.had_no_room) {
            self.time.skip(now);
        }
        for _ in 0..BURST {
            let step = match self.stack.pop() {
                Some(task) => self.run(task)?,
                None => self.settle(now, supervisor)?,
            };
            if step != Step::Worked {
                return Ok(step);
            }
        }
        Ok(Step::Worked)
    }

    fn run(&mut self, task: Task) -> Result<Step> {
        match task {
            Task::Deliver(at, message) => {
                self.at_work = at;
                let link = &mut self.links[at];
                link.take(message, &mut self.collected).map_err(|error| link.place(error))?;
                self.follow(at)?;
            }
            Task::Resume(at) => {
                self.at_work = at;
                let link = &mut self.links[at];
                if let Stage::Operator(operator) = &mut link.stage {
                    let resumed = operator.resume(&mut link.output);
                    resumed.map_err(|error| link.place(error))?;
                }
                self.follow(at)?;
            }
            Task::Send(exchange, mut pending) => {
                if !self.exchanges[exchange].send(&mut pending) {
                    self.had_no_room = true;
                    self.stack.push(Task::Send(exchange, pending));
                    return Ok(Step::Blocked(None));
                }
            }
        }
        Ok(Step::Worked)
    }

    // Stacks what a node has sent: its messages in order, then the rest of its answer.
    fn follow(&mut self, at: usize) -> Result<()> {
        let link = &mut self.links[at];
        let (messages, unfinished) = link.output.take();
        if unfinished {
            self.stack.push(Task::Resume(at));
        }
        for (port, message) in messages.into_iter().rev() {
            let targets = link.targets.iter().rev().filter(|(from, _)| *from == port);
            for (_, target) in targets {
                self.stack.push(match *target {
                    Target::Local(to) => Task::Deliver(to, message.clone()),
                    Target::Exchange(to) => {
                        let pending = self.exchanges[to].split(message.clone());
                        Task::Send(to, pending.map_err(|error| link.place(error))?)
                    }
                });
            }
        }
        Ok(())
    }

    // All that followed from the last message is done; finishes what it asked for and takes the next.
    fn settle(&mut self, now: Micros, supervisor: &dyn Supervisor) -> Result<Step> {
        if let Some(mut collected) = self.collected.take() {
            collected.frozen_micros = now - self.frozen_at;
            collected.counters = self.counters();
            let ends = collected.barrier.kind.ends();
            headrace_store::crash_point("after-freeze");
            if ends {
                headrace_store::crash_point("final-checkpoint");
            }
            supervisor.collected(collected);
            if ends && self.head.is_source() {
                return Ok(self.start(Message::End, now));
            }
        }
        if self.ending {
            return Ok(Step::Done);
        }
        if self.head.is_source()
            && let Some(barrier) = supervisor.barrier(self.id)
        {
            return Ok(self.cut(barrier, now));
        }
        if self.exhausted {
            return Ok(Step::Blocked(None));
        }
        if self.time.is_due(now) {
            self.tell_time()?;
            if !self.stack.is_empty() {
                return Ok(Step::Worked);
            }
        }
        self.at_work = 0;
        let next = self.head.next(now);
        match next.map_err(|error| self.at_head(error))? {
            Next::Message(message) => Ok(self.start(message, now)),
            Next::Again => Ok(Step::Worked),
            Next::Exhausted => {
                self.exhausted = true;
                supervisor.exhausted(self.id);
                Ok(Step::Worked)
            }
            Next::Wait(until) => self.idle(now, until),
        }
    }

    // A source that is drained before it is exhausted ends here: first its partitions, then the barrier.
    fn cut(&mut self, barrier: Barrier, now: Micros) -> Step {
        let drained = barrier.kind == BarrierKind::Final && !self.exhausted;
        let step = self.start(Message::Barrier(barrier), now);
        if drained {
            self.exhausted = true;
            let ends =
                self.head.partitions().into_iter().map(|partition| Task::Deliver(0, Message::PartitionEnd(partition)));
            self.stack.extend(ends);
        }
        step
    }

    fn start(&mut self, message: Message, now: Micros) -> Step {
        match &message {
            Message::Batch(batch) => {
                self.rows_in += batch.rows() as u64;
                self.time.rows();
            }
            Message::Barrier(barrier) => self.collect(*barrier, now),
            Message::End => self.ending = true,
            _ => {}
        }
        self.stack.push(Task::Deliver(0, message));
        Step::Worked
    }

    fn collect(&mut self, barrier: Barrier, now: Micros) {
        let uid = self.links.first().map_or_else(String::new, |link| link.uid.clone());
        let position = |position| SourcePosition { uid: uid.clone(), subtask: self.id, position };
        self.frozen_at = now;
        self.collected = Some(Collected {
            subtask: self.id,
            barrier,
            parts: Vec::new(),
            prepared: Vec::new(),
            positions: self.head.positions().into_iter().map(position).collect(),
            counters: Vec::new(),
            frozen_micros: 0,
        });
    }

    // The operators learn the time, which may make a partition idle.
    fn tell_time(&mut self) -> Result<()> {
        for at in 0..self.links.len() {
            self.at_work = at;
            let link = &mut self.links[at];
            if let Stage::Operator(operator) = &mut link.stage {
                operator.on_clock(self.time.now(), &mut link.output);
            }
            self.follow(at)?;
        }
        Ok(())
    }

    // The head has nothing, so all the time that has gone by counts.
    fn idle(&mut self, now: Micros, until: Option<Micros>) -> Result<Step> {
        self.time.no_rows(now);
        self.tell_time()?;
        Ok(if self.stack.is_empty() { Step::Blocked(until) } else { Step::Worked })
    }
}

/// Subtasks sleep on the same parker that their channels wake.
pub(crate) type SharedParker = Arc<crate::park::Parker>;
