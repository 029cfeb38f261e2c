//! Where a block lies on the platters.

use super::profile::{HddProfile, Zone};

/// Sectors that pass under one head one right after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) cylinder: u32,
    pub(super) surface: u32,
    pub(super) sectors_per_track: u32,
    /// Where on the track the first one begins, in revolutions from the index
    /// mark, below 1.
    pub(super) angle: f64,
    pub(super) sectors: u32,
}

/// The map from block numbers to tracks and angles: blocks fill a track, then
/// the next surface of the cylinder, then the next cylinder; each track starts
/// a skew further round than the one before.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    surfaces: u64,
    zones: Vec<ZoneMap>,
}

#[derive(Clone, Debug)]
struct ZoneMap {
    first_lbn: u64,
    blocks: u64,
    first_cylinder: u32,
    sectors_per_track: u64,
    track_skew: u64,
    cylinder_skew: u64,
    first_sector_offset: u64,
    /// For each slipped sector, ascending, the first block (counted from the
    /// start of the zone) that moves up because of it.
    slipped_before: Vec<u64>,
}

impl ZoneMap {
    fn new(zone: &Zone, first_lbn: u64, surfaces: u32) -> Self {
        let slips = zone.slips.iter().zip(0..);
        Self {
            first_lbn,
            blocks: zone.blocks(surfaces),
            first_cylinder: zone.first_cylinder,
            sectors_per_track: zone.sectors_per_track.into(),
            track_skew: zone.track_skew.into(),
            cylinder_skew: zone.cylinder_skew.into(),
            first_sector_offset: zone.first_sector_offset.into(),
            slipped_before: slips.map(|(slip, earlier)| slip - earlier).collect(),
        }
    }
}

impl Layout {
    pub(super) fn new(profile: &HddProfile) -> Self {
        let mut first_lbn = 0;
        let zones = profile.zones.iter().map(|zone| {
            let map = ZoneMap::new(zone, first_lbn, profile.surfaces);
            first_lbn += map.blocks;
            map
        });
        Self {
            zones: zones.collect(),
            surfaces: profile.surfaces.into(),
        }
    }

    /// The longest run of blocks from `lbn` on, at most `wanted` of them.
    pub(super) fn run(&self, lbn: u64, wanted: u32) -> Run {
        let zone = &self.zones[self.zones.partition_point(|z| z.first_lbn <= lbn) - 1];
        let block = lbn - zone.first_lbn;
        let slips = zone.slipped_before.partition_point(|&first| first <= block);
        let sector = block + slips as u64;
        let track = sector / zone.sectors_per_track;
        let on_track = sector % zone.sectors_per_track;

        let until_slip = zone
            .slipped_before
            .get(slips)
            .map_or(u64::MAX, |first| first - block);
        let sectors = (zone.sectors_per_track - on_track)
            .min(zone.blocks - block)
            .min(until_slip)
            .min(wanted.into());
        Run {
            cylinder: zone.first_cylinder + (track / self.surfaces) as u32,
            surface: (track % self.surfaces) as u32,
            sectors_per_track: zone.sectors_per_track as u32,
            angle: self.angle(zone, track, on_track),
            sectors: sectors as u32,
        }
    }

    fn angle(&self, zone: &ZoneMap, track: u64, on_track: u64) -> f64 {
        let cylinders = track / self.surfaces;
        let track_switches = track - cylinders;
        let sectors = zone.first_sector_offset
            + track_switches * zone.track_skew
            + cylinders * zone.cylinder_skew
            + on_track;
        (sectors % zone.sectors_per_track) as f64 / zone.sectors_per_track as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::DiskProfile;
    use super::*;

    const TWO_ZONES: &str = "
        kind = \"hdd\"
        sectors = 1
        rotation_rpm = 10000
        surfaces = 3
        head_switch_ms = 0
        read_overhead_ms = 0
        bus_ms_per_sector = 0
        seek_ms = [[1, 1]]
        [[zones]]
        first_cylinder = 0
        last_cylinder = 4
        sectors_per_track = 11
        track_skew = 4
        cylinder_skew = 9
        spares = 7
        slips = [0, 10, 11, 12, 100]
        [[zones]]
        first_cylinder = 6
        last_cylinder = 8
        sectors_per_track = 7
        track_skew = 2
        cylinder_skew = 3
        first_sector_offset = 5
        spares = 2
        slips = [6]
    ";

    fn profile() -> HddProfile {
        match TWO_ZONES.parse() {
            Ok(DiskProfile::Hdd(profile)) => profile,
            other => panic!("{other:?}"),
        }
    }

    /// Where every block lies, found by laying the blocks out one by one.
    fn laid_out_one_by_one(profile: &HddProfile) -> Vec<Run> {
        let mut blocks = Vec::new();
        for zone in &profile.zones {
            let spt = zone.sectors_per_track;
            let (mut sector, mut start, mut left) = (0, zone.first_sector_offset, zone.blocks(3));
            for cylinder in zone.first_cylinder..=zone.last_cylinder {
                for surface in 0..3 {
                    for on_track in 0..spt {
                        if left > 0 && !zone.slips.contains(&sector) {
                            left -= 1;
                            blocks.push(Run {
                                cylinder,
                                surface,
                                sectors_per_track: spt,
                                angle: f64::from((start + on_track) % spt) / f64::from(spt),
                                sectors: 1,
                            });
                        }
                        sector += 1;
                    }
                    let last_surface = surface == 2;
                    start += if last_surface {
                        zone.cylinder_skew
                    } else {
                        zone.track_skew
                    };
                }
            }
        }
        blocks
    }

    #[test]
    fn every_block_lies_where_laying_out_one_by_one_puts_it() {
        let layout = Layout::new(&profile());
        let expected = laid_out_one_by_one(&profile());
        assert_eq!(expected.len(), 5 * 3 * 11 - 7 + 3 * 3 * 7 - 2);
        for (lbn, expected) in (0..).zip(expected) {
            assert_eq!(layout.run(lbn, 1), expected, "block {lbn}");
        }
    }

    #[test]
    fn a_run_ends_exactly_where_the_next_sector_does_not_follow() {
        let layout = Layout::new(&profile());
        let blocks = laid_out_one_by_one(&profile());
        let follows = |a: &Run, b: &Run| {
            let turned = f64::from(a.sectors_per_track) * (b.angle - a.angle + 1.0);
            let (sectors, spt) = (turned.round() as u32, a.sectors_per_track);
            (a.cylinder, a.surface) == (b.cylinder, b.surface) && sectors % spt == 1
        };
        for lbn in 0..blocks.len() {
            let pairs = blocks[lbn..].windows(2);
            let length = 1 + pairs.take_while(|pair| follows(&pair[0], &pair[1])).count();
            assert_eq!(layout.run(lbn as u64, u32::MAX).sectors as usize, length);
            assert_eq!(layout.run(lbn as u64, 2).sectors as usize, length.min(2));
        }
    }
}
