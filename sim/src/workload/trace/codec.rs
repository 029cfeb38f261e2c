//! Records and numbers as bytes.

/// Clients that a token can name by how recently they were seen; 31 itself is the escape.
const RECENT: usize = 31;
/// Ticks that do not fit the token's two bits.
const LONG_TICKS: u64 = 3;
/// Why bytes cannot be decoded.
pub(super) type Broken = &'static str;

/// A record with its time in ticks since the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) ticks: u64,
    pub(super) client: u32,
    pub(super) object: u32,
    pub(super) not_modified: bool,
}

/// Appends `value` as a LEB128 varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a LEB128 varint off the front of `input`.
pub(super) fn take_varint(input: &mut &[u8]) -> Result<u64, Broken> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(input)?;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            break;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a number does not fit 64 bits")
}

/// Takes a varint that must fit 32 bits.
pub(super) fn take_u32(input: &mut &[u8]) -> Result<u32, Broken> {
    u32::try_from(take_varint(input)?).map_err(|_| "a number does not fit 32 bits")
}

fn take_byte(input: &mut &[u8]) -> Result<u8, Broken> {
    let (&byte, rest) = input.split_first().ok_or("it ends inside a record")?;
    *input = rest;
    Ok(byte)
}

/// Encodes and decodes records; both sides must see the same records in the same order.
#[derive(Default)]
pub(super) struct Codec {
    /// The clients seen last, the latest first.
    recent: Vec<u32>,
}

impl Codec {
    /// Appends `record`.
    pub(super) fn put(&mut self, out: &mut Vec<u8>, record: Delta) {
        let place = self.recent.iter().position(|&c| c == record.client);
        let slot = place.unwrap_or(RECENT);
        let ticks = record.ticks.min(LONG_TICKS);
        out.push((slot as u8) << 3 | (ticks as u8) << 1 | u8::from(record.not_modified));
        if ticks == LONG_TICKS {
            put_varint(out, record.ticks - LONG_TICKS);
        }
        if place.is_none() {
            put_varint(out, record.client.into());
        }
        put_varint(out, record.object.into());
        self.remember(place, record.client);
    }

    /// Takes a record off the front of `input`.
    pub(super) fn take(&mut self, input: &mut &[u8]) -> Result<Delta, Broken> {
        let token = take_byte(input)?;
        let mut ticks = u64::from(token >> 1 & 3);
        if ticks == LONG_TICKS {
            let more = take_varint(input)?;
            ticks = ticks.checked_add(more).ok_or("a time is too late")?;
        }
        let slot = usize::from(token >> 3);
        let place = (slot != RECENT).then_some(slot);
        let client = match place {
            Some(slot) => *self.recent.get(slot).ok_or("a client was not seen yet")?,
            None => take_u32(input)?,
        };
        self.remember(place, client);
        Ok(Delta {
            ticks,
            client,
            object: take_u32(input)?,
            not_modified: token & 1 == 1,
        })
    }

    /// Moves `client`, now at `place` if anywhere, to the front.
    fn remember(&mut self, place: Option<usize>, client: u32) {
        match place {
            Some(place) => self.recent[..=place].rotate_right(1),
            None => {
                self.recent.truncate(RECENT - 1);
                self.recent.insert(0, client);
            }
        }
    }
}
