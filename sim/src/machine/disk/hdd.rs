//! The mechanism of a rotating drive.
//!
//! State: which track the heads are on; the angle of the platters follows from
//! the time of day. A read goes through controller overhead, a seek or head
//! switch, and the wait until its first sector comes round; then its sectors
//! pass under the head, with a switch and a wait wherever the track ends or a
//! slipped sector is skipped. Each sector crosses the bus to the host once it
//! has been read and the one before it is across.

use super::DiskRequest;
use super::layout::{Layout, Run};
use super::profile::HddProfile;
use super::seek::SeekCurve;
use super::stats::ServiceTime;
use crate::engine::Nanos;

const NANOS_PER_MINUTE: u64 = 60_000_000_000;

/// A sector that is this little past the head has not been missed: 1e-6 of a
/// revolution, 6 ns at 10,000 rpm. Ours; it absorbs the rounding of times to
/// whole nanoseconds.
const SLACK_REVOLUTIONS: f64 = 1e-6;

#[derive(Clone, Debug)]
pub(super) struct Hdd {
    layout: Layout,
    seek: SeekCurve,
    rotation_rpm: u64,
    initial_phase: f64,
    head_switch_ns: f64,
    overhead_ns: f64,
    bus_ns_per_sector: f64,
    cylinder: u32,
    surface: u32,
}

/// How far a request has come, in nanoseconds since its start.
struct Progress {
    start: Nanos,
    head_ns: f64,
    bus_ns: f64,
}

impl Hdd {
    pub(super) fn new(profile: &HddProfile, initial_phase: f64) -> Self {
        Self {
            layout: Layout::new(profile),
            seek: SeekCurve::new(profile.seek_ms.iter().map(|&(d, time)| (d, time.0))),
            rotation_rpm: profile.rotation_rpm.into(),
            initial_phase,
            head_switch_ns: profile.head_switch_ms.0.0 as f64,
            overhead_ns: profile.read_overhead_ms.0.0 as f64,
            bus_ns_per_sector: profile.bus_ms_per_sector.0.0 as f64,
            cylinder: 0,
            surface: 0,
        }
    }

    /// Reads `request` from `start` on.
    pub(super) fn read(&mut self, start: Nanos, request: DiskRequest) -> ServiceTime {
        let mut at = Progress {
            start,
            head_ns: self.overhead_ns,
            bus_ns: 0.0,
        };
        let first = self.layout.run(request.lbn, request.sectors);
        let (seek_ns, rotation_ns) = self.reach(&mut at, &first);
        self.go_to(&first);
        let transfer_from_ns = at.head_ns;
        self.transfer(&mut at, &first);

        let mut done = first.sectors;
        while done < request.sectors {
            let lbn = request.lbn + u64::from(done);
            let run = self.layout.run(lbn, request.sectors - done);
            self.reach(&mut at, &run);
            self.go_to(&run);
            self.transfer(&mut at, &run);
            done += run.sectors;
        }
        let transfer_ns = at.head_ns - transfer_from_ns;
        ServiceTime::of_parts(at.head_ns.max(at.bus_ns), seek_ns, rotation_ns, transfer_ns)
    }

    /// How long after `start` the first sector of `request` would come under
    /// its head if the drive turned to it then.
    pub(super) fn positioning_ns(&self, start: Nanos, request: DiskRequest) -> f64 {
        let mut at = Progress {
            start,
            head_ns: self.overhead_ns,
            bus_ns: 0.0,
        };
        self.reach(&mut at, &self.layout.run(request.lbn, request.sectors));
        at.head_ns
    }

    /// Waits for the heads to move and for `run` to come round; returns how
    /// long each takes.
    fn reach(&self, at: &mut Progress, run: &Run) -> (f64, f64) {
        let move_ns = self.move_ns(run);
        at.head_ns += move_ns;
        let rotation_ns = self.wait_ns(at, run.angle);
        at.head_ns += rotation_ns;
        (move_ns, rotation_ns)
    }

    fn go_to(&mut self, run: &Run) {
        (self.cylinder, self.surface) = (run.cylinder, run.surface);
    }

    /// How long the heads take to the track of `run`.
    fn move_ns(&self, run: &Run) -> f64 {
        let seek_ns = self.seek.time_ns(self.cylinder.abs_diff(run.cylinder));
        let switch_ns = if self.surface == run.surface {
            0.0
        } else {
            self.head_switch_ns
        };
        seek_ns.max(switch_ns)
    }

    /// Time until `angle` of the track comes under the head.
    fn wait_ns(&self, at: &Progress, angle: f64) -> f64 {
        let revolutions = fraction(angle - self.angle_under_head(at));
        if revolutions > 1.0 - SLACK_REVOLUTIONS {
            return 0.0;
        }
        revolutions * self.period_ns()
    }

    fn angle_under_head(&self, at: &Progress) -> f64 {
        let turned = at.start.0 % NANOS_PER_MINUTE * self.rotation_rpm % NANOS_PER_MINUTE;
        let at_start = turned as f64 / NANOS_PER_MINUTE as f64;
        fraction(self.initial_phase + at_start + at.head_ns / self.period_ns())
    }

    fn period_ns(&self) -> f64 {
        NANOS_PER_MINUTE as f64 / self.rotation_rpm as f64
    }

    /// Reads the sectors of `run` and sends them over the bus.
    fn transfer(&self, at: &mut Progress, run: &Run) {
        let sectors = f64::from(run.sectors);
        let media_ns = self.period_ns() / f64::from(run.sectors_per_track);
        let bus_ns = self.bus_ns_per_sector;
        // The bus ends last behind what it still had to send, behind the first
        // sector of the run, or behind its last.
        let behind_backlog = at.bus_ns + sectors * bus_ns;
        let behind_first = at.head_ns + media_ns + sectors * bus_ns;
        let behind_last = at.head_ns + sectors * media_ns + bus_ns;
        at.bus_ns = behind_backlog.max(behind_first).max(behind_last);
        at.head_ns += sectors * media_ns;
    }
}

fn fraction(revolutions: f64) -> f64 {
    revolutions - revolutions.floor()
}
