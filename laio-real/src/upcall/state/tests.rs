use std::sync::atomic::AtomicU64;

use proptest::prelude::*;

use super::*;

/// What one of the parties does next. Steps that it cannot take in its state are skipped.
#[derive(Clone, Copy, Debug)]
enum Step {
    Enter,
    Withdraw,
    Publish,
    /// The n-th unfinished call ends.
    Finish(usize),
    /// A thief looks at the word.
    Look(usize),
    /// It tries to steal by what it saw, however long ago.
    Steal(usize),
    Sleep,
    /// By the loop or for it.
    Wake,
}

const THIEVES: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Enter),
        1 => Just(Step::Withdraw),
        3 => Just(Step::Publish),
        3 => (0..4usize).prop_map(Step::Finish),
        3 => (0..THIEVES).prop_map(Step::Look),
        3 => (0..THIEVES).prop_map(Step::Steal),
        1 => Just(Step::Sleep),
        1 => Just(Step::Wake),
    ];
    proptest::collection::vec(step, 1..200)
}

/// Where the loop is, by the book.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loop {
    Running,
    Entering(u64),
    InCall(u64),
    Asleep,
}

#[derive(Default)]
struct Ends {
    inline: Vec<u64>,
    stolen: Vec<u64>,
    background: Vec<u64>,
}

fn check(steps: Vec<Step>) {
    let state = StateWord::new();
    let mut at = Loop::Running;
    let mut calls = 0;
    let mut unfinished: Vec<u64> = Vec::new();
    let mut seen = [state.load(); THIEVES];
    let mut ends = Ends::default();
    for step in steps {
        match (step, at) {
            (Step::Enter, Loop::Running) => {
                calls += 1;
                assert_eq!(state.enter(calls), Word::new(calls, Phase::InSyscall));
                at = Loop::Entering(calls);
            }
            (Step::Withdraw, Loop::Entering(_)) => {
                state.withdraw();
                // The next call gets its number.
                calls -= 1;
                at = Loop::Running;
            }
            (Step::Publish, Loop::Entering(call)) => {
                state.publish(Word::new(call, Phase::InSyscall));
                unfinished.push(call);
                at = Loop::InCall(call);
            }
            (Step::Finish(n), _) if !unfinished.is_empty() => {
                let call = unfinished.swap_remove(n % unfinished.len());
                let inline = state.finish(Word::new(call, Phase::InSyscall));
                assert_eq!(inline, at == Loop::InCall(call), "call {call} at {at:?}");
                if inline {
                    ends.inline.push(call);
                    at = Loop::Running;
                } else {
                    ends.background.push(call);
                }
            }
            (Step::Look(thief), _) => seen[thief] = state.load(),
            (Step::Steal(thief), _) => {
                let call = seen[thief].call();
                let may = seen[thief].phase() == Phase::InSyscall && at == Loop::InCall(call);
                assert_eq!(state.steal(seen[thief]), may);
                if may {
                    ends.stolen.push(call);
                    at = Loop::Running;
                }
            }
            (Step::Sleep, Loop::Running) => {
                state.sleep();
                at = Loop::Asleep;
            }
            (Step::Wake, _) => {
                state.wake();
                if at == Loop::Asleep {
                    at = Loop::Running;
                }
            }
            _ => {}
        }
    }
    let phase = state.load().phase();
    assert_eq!(phase == Phase::Asleep, at == Loop::Asleep);
    check_ends(ends, unfinished, at, calls);
}

/// Every call ended inline, or was stolen and then ended in the background, or is still under way.
fn check_ends(ends: Ends, unfinished: Vec<u64>, at: Loop, calls: u64) {
    let mut in_background: Vec<u64> = ends.background;
    in_background.extend(unfinished.iter().filter(|&&call| at != Loop::InCall(call)));
    in_background.sort_unstable();
    assert_eq!(in_background, ends.stolen);
    let mut all = [ends.inline, ends.stolen].concat();
    if let Loop::InCall(call) | Loop::Entering(call) = at {
        all.push(call);
    }
    all.sort_unstable();
    assert_eq!(all, (1..=calls).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn whatever_the_order_each_call_returns_to_the_loop_once(steps in steps()) {
        check(steps);
    }

    #[test]
    fn a_word_is_its_call_and_phase(call in 0..1u64 << 62) {
        for phase in [Phase::Idle, Phase::Entering, Phase::InSyscall, Phase::Asleep] {
            let word = Word::new(call, phase);
            prop_assert_eq!((word.call(), word.phase()), (call, phase));
        }
    }
}

#[test]
fn racing_thieves_and_carrier_win_each_call_once() {
    const CALLS: u64 = 20_000;
    let state = StateWord::new();
    let stolen = AtomicU64::new(0);
    let mut inline = 0;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while state.load().call() <= CALLS {
                    if state.steal(state.load()) {
                        stolen.fetch_add(1, Ordering::Relaxed);
                    }
                    std::hint::spin_loop();
                }
            });
        }
        for call in 1..=CALLS {
            let word = state.enter(call);
            state.publish(word);
            inline += u64::from(state.finish(word));
        }
        state.enter(CALLS + 1);
    });
    assert_eq!(inline + stolen.into_inner(), CALLS);
}
