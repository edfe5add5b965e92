//! Sessions on the controller, leases on the brokers, and the promise that they keep together.

use std::collections::BTreeMap;

use proptest::prelude::*;
use weir_model::{DurationMs, Millis};

use super::lease::{Lease, MetadataIndex};
use super::sessions::{Beat, Expired, Probe, Sessions, Times};
use super::*;

const SESSION: i64 = 3_000;
const TIMES: Times =
    Times { session: DurationMs(SESSION), confirmed: DurationMs(890), again: DurationMs(100) };

fn elected(brokers: i32, now: i64) -> Sessions {
    let mut sessions = Sessions::on_elected(&cluster(brokers), TIMES, Millis(now));
    sessions.confirmed(Millis(now));
    sessions
}

fn named(sessions: &mut Sessions, now: i64) -> Vec<i32> {
    sessions.tick(Millis(now)).iter().map(|Expired { broker, .. }| broker.0).collect()
}

#[test]
fn a_new_controller_gives_everybody_who_is_not_fenced_a_fresh_session() {
    let mut image = cluster(3);
    fence(&mut image, 1, true);
    let mut sessions = Sessions::on_elected(&image, TIMES, Millis(10));
    assert_eq!(sessions.next_deadline(), Some(Millis(10 + SESSION)));
    assert_eq!(named(&mut sessions, 10 + SESSION - 1), []);
    assert_eq!(named(&mut sessions, 10 + SESSION), [0, 2]);
}

#[test]
fn a_beat_keeps_a_session_and_silence_ends_it() {
    let mut sessions = elected(2, 0);
    sessions.confirmed(Millis(2_000));
    assert_eq!(sessions.beat(BrokerId(0), 0, Millis(2_000)), Beat::Alive);
    assert_eq!(named(&mut sessions, SESSION), [1]);
    assert_eq!(sessions.next_deadline(), Some(Millis(SESSION + 100)), "asked again until it is done");
    assert_eq!(named(&mut sessions, SESSION + 100), [1]);
    sessions.fenced(BrokerId(1), 0);
    assert_eq!(sessions.next_deadline(), Some(Millis(2_000 + SESSION)));
    assert_eq!(named(&mut sessions, 2_000 + SESSION), [0]);
}

#[test]
fn only_who_was_answered_for_a_whole_session_is_believed_deaf() {
    let mut sessions = elected(1, 0);
    let id = BrokerId(0);
    let mut beats = |from: i64, to: i64, confirmed: bool| {
        for now in (from..to).step_by(250) {
            if confirmed {
                sessions.confirmed(Millis(now));
            }
            sessions.beat(id, 0, Millis(now));
        }
        sessions.is_deaf(id, Millis(to))
    };
    assert!(!beats(250, 2_000, true), "a controller that is new");
    assert!(beats(2_000, 3_250, true), "it was answered all the while");
    assert!(!beats(3_250, 6_250, false), "the controller itself was not sure for a while");
    assert!(!beats(6_250, 9_000, true));
    assert!(beats(9_000, 9_250, true));
    assert_eq!(named(&mut sessions, 9_250 + SESSION), [0]);
    assert!(!sessions.is_deaf(id, Millis(9_250 + SESSION)), "it is being fenced as it is");
}

#[test]
fn a_session_that_is_over_is_not_brought_back_by_a_beat() {
    let mut sessions = elected(2, 0);
    sessions.confirmed(Millis(SESSION));
    assert_eq!(sessions.beat(BrokerId(0), 0, Millis(SESSION)), Beat::Over, "nobody had looked yet");
    assert_eq!(named(&mut sessions, SESSION), [0, 1]);
    assert_eq!(sessions.beat(BrokerId(1), 0, Millis(SESSION + 1)), Beat::Over);
    sessions.fenced(BrokerId(1), 0);
    assert_eq!(sessions.beat(BrokerId(1), 0, Millis(SESSION + 2)), Beat::Alive, "a new one begins");
}

#[test]
fn a_broker_without_others_stands_still_for_an_hour_and_goes_on() {
    const HOUR: i64 = 3_600_000;
    let (mut sessions, alone) = (elected(1, 0), BrokerId(0));
    sessions.go_on_alone(alone, Millis(HOUR));
    assert_eq!(named(&mut sessions, HOUR), []);
    sessions.confirmed(Millis(HOUR));
    assert_eq!(sessions.beat(alone, 0, Millis(HOUR)), Beat::Alive);
    assert_eq!(named(&mut sessions, HOUR + SESSION), [0], "once it is not alone any more");
    sessions.go_on_alone(alone, Millis(HOUR + SESSION));
    assert_eq!(named(&mut sessions, HOUR + SESSION + 100), [0], "a session that is over stays over");
}

#[test]
fn a_new_registration_begins_a_session_and_the_old_one_has_no_say() {
    let mut sessions = elected(1, 0);
    sessions.registered(BrokerId(0), 1, Millis(1_000));
    assert_eq!(sessions.beat(BrokerId(0), 0, Millis(1_000)), Beat::Stale);
    sessions.fenced(BrokerId(0), 0);
    sessions.registered(BrokerId(0), 1, Millis(2_000));
    assert_eq!(sessions.next_deadline(), Some(Millis(1_000 + SESSION)), "registering is no beat");
    assert_eq!(sessions.tick(Millis(1_000 + SESSION)), [Expired { broker: BrokerId(0), epoch: 1 }]);
}

#[test]
fn only_a_refused_connection_ends_a_session_at_once() {
    for (outcome, expected) in [(Probe::Refused, vec![0]), (Probe::Unclear, vec![])] {
        let mut sessions = elected(2, 0);
        let suspicion = sessions.suspect(BrokerId(0), 0, Millis(5)).unwrap();
        sessions.probed(suspicion, outcome, Millis(6));
        assert_eq!(named(&mut sessions, 6), expected);
    }
}

#[test]
fn a_probes_result_counts_only_for_what_was_known_when_it_was_sent() {
    type Meanwhile = fn(&mut Sessions);
    let cases: [(&str, Meanwhile); 3] = [
        ("it beats again", |s| _ = s.beat(BrokerId(0), 0, Millis(6))),
        ("it has registered again", |s| s.registered(BrokerId(0), 1, Millis(6))),
        ("it has been fenced", |s| s.fenced(BrokerId(0), 0)),
    ];
    for (what, meanwhile) in cases {
        let mut sessions = elected(1, 0);
        let suspicion = sessions.suspect(BrokerId(0), 0, Millis(5)).unwrap();
        meanwhile(&mut sessions);
        sessions.probed(suspicion, Probe::Refused, Millis(7));
        assert_eq!(named(&mut sessions, 7), [], "{what}");
    }
    let mut sessions = elected(1, 0);
    assert!(sessions.suspect(BrokerId(0), 3, Millis(5)).is_none(), "another registration");
    assert!(sessions.suspect(BrokerId(7), 0, Millis(5)).is_none(), "nobody");
}

#[test]
fn a_controller_that_may_have_been_replaced_answers_nobody() {
    let mut sessions = elected(1, 0);
    assert_eq!(sessions.beat(BrokerId(0), 0, Millis(889)), Beat::Alive);
    assert_eq!(sessions.beat(BrokerId(0), 0, Millis(890)), Beat::Unconfirmed);
    assert_eq!(sessions.next_deadline(), Some(Millis(890 + SESSION)), "the beat counts all the same");
    sessions.confirmed(Millis(500));
    sessions.confirmed(Millis(400));
    assert_eq!(sessions.beat(BrokerId(0), 0, Millis(1_389)), Beat::Alive);
}

#[test]
fn a_lease_counts_from_when_the_answered_beat_was_sent() {
    let mut lease = Lease::new(DurationMs(1_000));
    assert!(!lease.holds(Millis(0)));
    lease.answered(Millis(50), MetadataIndex(0), Millis(60));
    assert!(lease.holds(Millis(948)) && !lease.holds(Millis(949)));
    lease.answered(Millis(20), MetadataIndex(0), Millis(70));
    assert_eq!(lease.deadline(), Some(Millis(949)), "an answer that was overtaken takes nothing away");
    lease.end();
    assert!(!lease.holds(Millis(60)));
}

#[test]
fn an_answer_counts_when_what_the_controller_knew_is_followed() {
    let mut lease = Lease::new(DurationMs(1_000));
    lease.followed(MetadataIndex(6));
    lease.answered(Millis(0), MetadataIndex(7), Millis(10));
    assert!(!lease.holds(Millis(10)), "it may lead no more what it led");
    lease.answered(Millis(20), MetadataIndex(9), Millis(30));
    lease.followed(MetadataIndex(7));
    assert_eq!(lease.deadline(), Some(Millis(899)), "the first answer's, not the second's");
    lease.followed(MetadataIndex(9));
    assert_eq!(lease.deadline(), Some(Millis(919)));
    lease.answered(Millis(1_000), MetadataIndex(12), Millis(1_010));
    assert!(!lease.holds(Millis(1_010)), "it ended meanwhile");
    lease.answered(Millis(2_000), MetadataIndex(15), Millis(2_010));
    lease.followed(MetadataIndex(12));
    assert!(!lease.holds(Millis(2_010)), "the answer before is worth nothing any more");
    lease.followed(MetadataIndex(15));
    assert!(lease.holds(Millis(2_010)));
    lease.end();
    lease.answered(Millis(2_020), MetadataIndex(16), Millis(2_030));
    lease.refused(MetadataIndex(16));
    lease.followed(MetadataIndex(16));
    assert!(!lease.holds(Millis(2_040)), "the controller's last word counts");
}

#[test]
fn a_lease_ends_under_a_broker_that_beats_but_does_not_follow() {
    let mut lease = Lease::new(DurationMs(1_000));
    let beat = |lease: &mut Lease, at: i64, as_of: u64| {
        lease.answered(Millis(at), MetadataIndex(as_of), Millis(at + 1));
    };
    beat(&mut lease, 0, 0);
    assert!(lease.holds(Millis(10)) && !lease.is_behind());
    // A move took a partition away at 5, which is never followed: its disk is full.
    for at in (100..3_000).step_by(10) {
        beat(&mut lease, at, 5 + at as u64);
        assert!(lease.is_behind());
        assert_eq!(lease.holds(Millis(at + 1)), at + 1 < 899, "{at}");
    }
    lease.followed(MetadataIndex(5 + 100));
    assert!(lease.is_behind() || !lease.holds(Millis(3_000)), "what it follows was said too long ago");
    lease.followed(MetadataIndex(5 + 2_990));
    assert!(lease.holds(Millis(3_000)) && !lease.is_behind());
}

#[test]
fn a_broker_that_follows_a_little_late_keeps_its_lease_however_often_it_beats() {
    let mut lease = Lease::new(DurationMs(1_000));
    lease.answered(Millis(0), MetadataIndex(0), Millis(0));
    for at in 1..5_000 {
        // The metadata changes every millisecond, and is followed half a lease later.
        lease.answered(Millis(at), MetadataIndex(at as u64), Millis(at));
        lease.followed(MetadataIndex((at - 450).max(0) as u64));
        assert!(lease.holds(Millis(at)), "{at}");
    }
}

#[test]
fn what_is_wanted_is_what_was_named_first_so_that_news_without_end_keeps_nobody_behind() {
    let mut lease = Lease::new(DurationMs(1_000));
    lease.refused(MetadataIndex(3));
    lease.refused(MetadataIndex(8));
    assert!(lease.is_behind());
    lease.followed(MetadataIndex(3));
    assert!(!lease.is_behind());
    lease.refused(MetadataIndex(9));
    assert!(lease.is_behind());
}

/// A mistake to be found out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Planted {
    Nothing,
    NoMargin,
    CountsFromTheAnswer,
    AnswersUnconfirmed,
    RevivesTheNamed,
}

/// A clock that starts anywhere and runs up to 4 % too fast or too slow.
#[derive(Clone, Copy)]
struct Clock {
    offset: i64,
    pace: i64,
}

impl Clock {
    fn read(self, micros: i64) -> Millis {
        Millis((self.offset + micros * self.pace / 1_000) / 1_000)
    }
}

enum Message {
    Beat { to: usize, sent_at: Millis },
    Answer { sent_at: Millis },
    Confirmed { to: usize, asked_at: Millis },
}

/// Two controllers, of which one leads at a time while the other may not know, and one broker.
struct World {
    planted: Planted,
    draw: Box<dyn FnMut() -> u64>,
    now: i64,
    clocks: [Clock; 3],
    controllers: [Option<Sessions>; 2],
    leader: usize,
    /// When the leader last asked a majority that then answered.
    asked: i64,
    lease: Lease,
    named: bool,
    on_the_way: BTreeMap<(i64, u64), Message>,
    sent: u64,
}

const BROKER: BrokerId = BrokerId(0);
/// Voters grant nobody else their vote for so long, on clocks of their own.
const ELECTION_MICROS: i64 = 1_000_000 * 1_000 / 1_040;

impl World {
    fn new(seed: u64, planted: Planted) -> Self {
        let mut draw = Box::new(seeded(seed));
        let mut clock =
            || Clock { offset: (draw() % 1_000_000_000) as i64, pace: 960 + (draw() % 81) as i64 };
        let clocks = [clock(), clock(), clock()];
        let session = if planted == Planted::NoMargin { SESSION * 10 / 9 + 2 } else { SESSION };
        let mut world = Self {
            planted,
            draw,
            now: 0,
            clocks,
            controllers: [None, None],
            leader: 0,
            asked: 0,
            lease: Lease::new(DurationMs(session)),
            named: false,
            on_the_way: BTreeMap::new(),
            sent: 0,
        };
        world.elect(0);
        world
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.draw)() % bound
    }

    fn elect(&mut self, controller: usize) {
        let now = self.clocks[controller].read(self.now);
        self.controllers[controller] = Some(Sessions::on_elected(&cluster(1), TIMES, now));
        // A fencing that was not written yet is forgotten.
        (self.leader, self.named) = (controller, false);
    }

    /// Soon, late, or never.
    fn send(&mut self, message: Message) {
        let delay = match self.below(10) {
            0 => return,
            1..=6 => self.below(20_000),
            _ => self.below(3_000_000),
        };
        self.sent += 1;
        self.on_the_way.insert((self.now + delay as i64, self.sent), message);
    }

    /// Whether the broker was named for fencing while it believed it may serve.
    fn broken(&mut self) -> bool {
        let now = self.clocks[self.leader].read(self.now);
        self.named |= !self.controllers[self.leader].as_mut().unwrap().tick(now).is_empty();
        self.named && self.lease.holds(self.clocks[2].read(self.now))
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Beat { to, sent_at } => {
                let now = self.clocks[to].read(self.now);
                let Some(sessions) = &mut self.controllers[to] else { return };
                let answer = match sessions.beat(BROKER, 0, now) {
                    Beat::Alive => true,
                    Beat::Unconfirmed => self.planted == Planted::AnswersUnconfirmed,
                    Beat::Over => self.planted == Planted::RevivesTheNamed,
                    Beat::Stale => false,
                };
                if answer {
                    self.send(Message::Answer { sent_at });
                }
            }
            Message::Answer { sent_at } => {
                let late = self.planted == Planted::CountsFromTheAnswer;
                let now = self.clocks[2].read(self.now);
                self.lease.answered(if late { now } else { sent_at }, MetadataIndex(0), now);
            }
            Message::Confirmed { to, asked_at } => {
                self.controllers[to].iter_mut().for_each(|sessions| sessions.confirmed(asked_at));
            }
        }
    }

    fn act(&mut self) {
        match self.below(12) {
            0..=4 => {
                let (to, sent_at) = (self.below(2) as usize, self.clocks[2].read(self.now));
                self.send(Message::Beat { to, sent_at });
            }
            5..=9 => {
                // A majority answers at once, which keeps others from being elected; the word of it may be late.
                self.asked = self.now;
                let (to, asked_at) = (self.leader, self.clocks[self.leader].read(self.now));
                self.send(Message::Confirmed { to, asked_at });
            }
            10 => self.now += self.below(1_500_000) as i64,
            _ if self.now > self.asked + ELECTION_MICROS => self.elect(1 - self.leader),
            _ => {}
        }
    }

    fn breaks(mut self) -> bool {
        for _ in 0..600 {
            let until = self.now + self.below(60_000) as i64;
            while let Some(next) = self.on_the_way.first_entry().filter(|next| next.key().0 <= until) {
                let ((at, _), message) = next.remove_entry();
                self.now = self.now.max(at);
                self.deliver(message);
                if self.broken() {
                    return true;
                }
            }
            self.now = self.now.max(until);
            if self.broken() {
                return true;
            }
            self.act();
        }
        false
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_broker_fences_itself_before_it_is_fenced(seed: u64) {
        prop_assert!(!World::new(seed, Planted::Nothing).breaks());
    }
}

#[test]
fn each_part_of_the_argument_is_needed() {
    use Planted::{AnswersUnconfirmed, CountsFromTheAnswer, NoMargin, RevivesTheNamed};
    let cases = [NoMargin, CountsFromTheAnswer, AnswersUnconfirmed, RevivesTheNamed];
    for (at, planted) in cases.into_iter().enumerate() {
        assert!((0..20_000).any(|seed| World::new(seed, planted).breaks()), "case {at}");
    }
}
