//! Residency tests: whether an operation could be made without waiting for the disk. Each has a
//! cost, and can be wrong by the time of the call.

use crate::machine::Machine;
use crate::machine::cpu::Activity;
use crate::scenario::keys::NameTest;
use crate::server::script::{ConnId, Op};

/// Tests `op` of `conn`: `openat2(RESOLVE_CACHED)` for names (for an open that is present it is
/// the open itself), `cachestat` for reads and sendfile, `mincore` for mappings. Other operations
/// need no test.
pub(super) fn is_resident(machine: &mut Machine, names: NameTest, conn: ConnId, op: Op) -> bool {
    let helper = machine.costs.helper;
    match op {
        // That the kernel remembers names that do not exist is left out: no cache tells of one.
        Op::Open { missing: true, .. } if names == NameTest::ResolveCached => {
            machine.charge(Activity::Interface, helper.name_residency);
            false
        }
        Op::Open { object, .. } | Op::Stat(object) if names == NameTest::ResolveCached => {
            let resident = machine.is_name_resident(object);
            if !resident || matches!(op, Op::Stat(_)) {
                machine.charge(Activity::Interface, helper.name_residency);
            }
            resident
        }
        // Flash: the name was looked up when the server began to keep it.
        Op::Open { known, .. } => known,
        Op::Stat(_) => false,
        Op::Read { offset, bytes, .. } | Op::SendFile { offset, bytes } => {
            machine.charge(Activity::Interface, helper.residency);
            let object = machine.open_object(conn);
            machine.is_resident(object, offset, bytes)
        }
        Op::SendMapped { offset, bytes, .. } => {
            machine.charge(Activity::Interface, helper.mapped_residency);
            let object = machine.open_object(conn);
            machine.is_resident(object, offset, bytes)
        }
        _ => true,
    }
}
