//! Objects and sessions against their laws. Tolerances are 4 standard errors.

use super::*;
use crate::workload::chi_square::chi_square_fits;
use crate::workload::trace::{PackedRequest, RequestKind};

fn parameters() -> Parameters {
    let preset = Preset::RiceLike.parameters();
    Parameters {
        objects: 1_000,
        zipf: 0.9,
        sessions: SessionLaw {
            requests: 4.0,
            think: Nanos::from_millis(2),
            think_between: Nanos::from_millis(50),
            not_modified: 0.2,
            missing: 0.1,
            ..preset.sessions
        },
        ..preset
    }
}

fn with(change: impl FnOnce(&mut Parameters)) -> Synthetic {
    let mut parameters = parameters();
    change(&mut parameters);
    Synthetic::new(&parameters, 1)
}

/// The sessions 0 to `n` - 1 of client 0.
fn sessions(workload: &Synthetic, n: u64) -> Vec<Session> {
    (0..n)
        .map(|sequence| session(workload, 0, sequence))
        .collect()
}

fn session(workload: &Synthetic, client: u32, sequence: u64) -> Session {
    let mut session = Session::default();
    workload.session(0, client, sequence, &mut session);
    session
}

fn objects(session: &Session) -> Vec<u32> {
    session.requests.iter().map(|r| r.object()).collect()
}

#[test]
fn frequencies_follow_the_zipf_law() {
    let workload = with(|_| {});
    let mut found = vec![0; 1_000];
    let mut total = 0;
    for session in sessions(&workload, 250_000) {
        total += session.requests.len();
        objects(&session)
            .into_iter()
            .for_each(|object| found[object as usize] += 1);
    }
    let weights = popularity(1_000, 0.9, 1);
    let sum: f64 = weights.iter().sum();
    let expected: Vec<f64> = weights.iter().map(|w| w / sum * total as f64).collect();
    chi_square_fits(&found, &expected);
}

#[test]
fn every_rank_goes_to_one_object_whatever_its_size() {
    let (n, parameters) = (100_000, parameters());
    let weights = popularity(n, 0.9, 1);
    let mut sorted = weights.clone();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    assert!(
        (1..=n)
            .zip(&sorted)
            .all(|(r, w)| (w * f64::from(r).powf(0.9) - 1.0).abs() < 1e-12)
    );
    // Spearman's rank correlation of independent quantities has a standard error of 1 / sqrt n.
    let sizes: Vec<f64> = parameters
        .sizes
        .sizes(n, 1)
        .iter()
        .map(|&s| s as f64)
        .collect();
    let correlation = correlation(&ranks(&weights), &ranks(&sizes));
    assert!(
        correlation.abs() < 4.0 / f64::from(n).sqrt(),
        "{correlation}"
    );
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    for (rank, index) in order.into_iter().enumerate() {
        ranks[index] = rank as f64;
    }
    ranks
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = (a.len() - 1) as f64 / 2.0;
    let product = |x: &[f64], y: &[f64]| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

#[test]
fn session_lengths_are_geometric() {
    let n = 100_000;
    let (last, end) = (25, 1.0 / 4.0_f64);
    let mut found = vec![0; last];
    for session in sessions(&with(|_| {}), n) {
        found[session.requests.len().min(last) - 1] += 1;
    }
    let going_on = |k: usize| (1.0 - end).powi(k as i32);
    let expected: Vec<f64> = (0..last)
        .map(|k| n as f64 * going_on(k) * if k + 1 < last { end } else { 1.0 })
        .collect();
    chi_square_fits(&found, &expected);
    let single = with(|p| p.sessions.requests = 1.0);
    assert!(
        sessions(&single, 1_000)
            .iter()
            .all(|s| s.requests.len() == 1)
    );
}

#[test]
fn kinds_have_their_shares() {
    let all = sessions(&with(|_| {}), 50_000);
    let requests: Vec<PackedRequest> = all.into_iter().flat_map(|s| s.requests).collect();
    let n = requests.len() as f64;
    for (kind, share) in [
        (RequestKind::Body, 0.7),
        (RequestKind::NotModified, 0.2),
        (RequestKind::Missing, 0.1),
    ] {
        let found = requests.iter().filter(|r| r.kind() == kind).count() as f64 / n;
        let error = (share * (1.0 - share) / n).sqrt();
        assert!((found - share).abs() < 4.0 * error, "{kind:?}: {found}");
    }
    let bodies = sessions(&with(|p| p.sessions.not_modified = 0.0), 1_000);
    let kinds = bodies.iter().flat_map(|s| &s.requests).map(|r| r.kind());
    assert!(
        kinds
            .into_iter()
            .all(|kind| kind != RequestKind::NotModified)
    );
}

#[track_caller]
fn assert_exponential(spans: &[Nanos], mean: f64) {
    let n = spans.len() as f64;
    let found = spans.iter().map(|s| s.0 as f64).sum::<f64>() / n;
    let squares: f64 = spans.iter().map(|s| (s.0 as f64 - found).powi(2)).sum();
    assert!((found / mean - 1.0).abs() < 4.0 / n.sqrt(), "{found}");
    let variance = squares / n / (mean * mean);
    assert!(
        (variance - 1.0).abs() < 4.0 * (8.0 / n).sqrt(),
        "{variance}"
    );
}

#[test]
fn pauses_follow_their_law() {
    let all = sessions(&with(|_| {}), 50_000);
    assert!(all.iter().all(|s| s.times.len() == s.requests.len()));
    assert!(all.iter().all(|s| s.times[0] == Nanos::ZERO));
    let pauses: Vec<Nanos> = all.iter().flat_map(|s| &s.times[1..]).copied().collect();
    assert_exponential(&pauses, 2e6);
    let between: Vec<Nanos> = all.iter().map(|s| s.before).collect();
    assert_exponential(&between, 50e6);
    for session in sessions(&with(|p| p.sessions.think_law = ThinkLaw::Fixed), 1_000) {
        assert_eq!(session.before, Nanos::from_millis(50));
        assert!(
            session.times[1..]
                .iter()
                .all(|&t| t == Nanos::from_millis(2))
        );
    }
    let hasty = with(|p| p.sessions.think = Nanos::ZERO);
    assert!(sessions(&hasty, 1_000).iter().all(|s| s.times.is_empty()));
}

#[test]
fn a_session_is_the_same_whoever_else_is_drawn() {
    let workload = with(|_| {});
    let alone = session(&workload, 5, 17);
    let mut reused = Session::default();
    for (client, sequence) in [(6, 17), (5, 18), (0, 0), (5, 16), (5, 17)] {
        workload.session(0, client, sequence, &mut reused);
    }
    assert_eq!(reused, alone);
    workload.session(1, 5, 17, &mut reused);
    assert_ne!(reused, alone, "another replication");
    assert_ne!(session(&workload, 6, 17), alone, "another client");
    assert_ne!(session(&workload, 5, 18), alone, "another session");
    assert_ne!(
        session(&Synthetic::new(&parameters(), 2), 5, 17),
        alone,
        "another seed"
    );
}

#[test]
fn no_two_sessions_share_an_index() {
    assert_ne!(session_index(1, 0), session_index(0, 1));
    assert_eq!(session_index((1 << 24) - 1, (1 << 40) - 1), u64::MAX);
}

#[test]
fn keys_of_sessions_leave_the_objects_asked_for_alone() {
    let before = sessions(&with(|_| {}), 200);
    let other = with(|p| {
        p.sessions.think = Nanos::ZERO;
        p.sessions.think_law = ThinkLaw::Fixed;
        p.sessions.missing = 0.5;
        p.sizes.body_sigma = 2.0;
    });
    for (a, b) in before.iter().zip(sessions(&other, 200)) {
        assert_eq!(objects(a), objects(&b));
    }
    let longer = with(|p| p.sessions.requests = 12.0);
    for (a, b) in before.iter().zip(sessions(&longer, 200)) {
        assert!(objects(&b).starts_with(&objects(a)));
    }
}

/// Mean and standard deviation from the closed forms of the truncated laws: 13.4 kB and 57 kB an
/// object.
#[test]
fn presets_have_the_footprints_that_they_state() {
    for (preset, mean, deviation) in [
        (Preset::RiceLike, 80.5e6, 4.4e6),
        (Preset::BerkeleyLike, 2.146e9, 0.023e9),
    ] {
        for seed in 1..=3 {
            let workload = Synthetic::new(&preset.parameters(), seed);
            let found = workload.footprint_bytes() as f64;
            assert!(
                (found - mean).abs() < 4.0 * deviation,
                "{preset:?} {seed}: {found}"
            );
        }
    }
}

// Computed by an independent program from the documentation.
#[test]
fn sessions_are_pinned() {
    let workload = with(|p| p.sessions.requests = 2.0);
    let drawn = session(&workload, 3, 9);
    let requests: Vec<_> = drawn
        .requests
        .iter()
        .map(|r| (r.object(), r.kind()))
        .collect();
    let expected = [
        (629, RequestKind::NotModified),
        (922, RequestKind::Body),
        (295, RequestKind::Body),
    ];
    assert_eq!(requests, expected);
    assert_eq!(drawn.times, [0, 2_242_423, 2_438_384].map(Nanos));
    assert_eq!(drawn.before, Nanos(97_071_495));
}
