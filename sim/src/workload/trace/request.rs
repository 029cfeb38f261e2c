//! A request in four bytes.

/// The most objects that [`PackedRequest`] can number.
pub(super) const MAX_OBJECTS: usize = 1 << 30;

/// What a request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// The object's whole body (status 200).
    Body,
    /// No body, because the client has it (status 304): the server looks the object up.
    NotModified,
    /// No object, because the name does not exist (status 404): the server looks it up in vain.
    Missing,
}

const KINDS: [RequestKind; 3] = [
    RequestKind::Body,
    RequestKind::NotModified,
    RequestKind::Missing,
];

/// An object and what the request for it is answered with: the object's number in the upper 30
/// bits, the kind in the lower two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedRequest(u32);

impl PackedRequest {
    /// A request for `object`, answered with its body or, `not_modified`, without.
    ///
    /// # Panics
    ///
    /// If `object` is 2^30 or more; a trace has no such object.
    pub const fn new(object: u32, not_modified: bool) -> Self {
        Self::pack(object, not_modified as u32)
    }

    /// A request for a name that does not exist. It stands beside `object`, in the same
    /// directory: requests for different objects' neighbours are for different names.
    ///
    /// # Panics
    ///
    /// If `object` is 2^30 or more.
    pub const fn missing(object: u32) -> Self {
        Self::pack(object, RequestKind::Missing as u32)
    }

    const fn pack(object: u32, kind: u32) -> Self {
        assert!((object as usize) < MAX_OBJECTS, "object number too large");
        Self(object << 2 | kind)
    }

    /// The object's number.
    pub const fn object(self) -> u32 {
        self.0 >> 2
    }

    /// What the request is answered with.
    pub const fn kind(self) -> RequestKind {
        KINDS[(self.0 & 3) as usize]
    }

    /// Whether the answer has no body because the client has it (status 304).
    pub const fn not_modified(self) -> bool {
        matches!(self.kind(), RequestKind::NotModified)
    }

    /// Whether the name does not exist (status 404).
    pub const fn is_missing(self) -> bool {
        matches!(self.kind(), RequestKind::Missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_and_kind_survive_the_packing() {
        for object in [0, 1, 2, 3, 1_234_567, (1 << 30) - 1] {
            let packed = [
                PackedRequest::new(object, false),
                PackedRequest::new(object, true),
                PackedRequest::missing(object),
            ];
            assert_eq!(packed.map(PackedRequest::object), [object; 3]);
            assert_eq!(packed.map(PackedRequest::kind), KINDS);
            assert_eq!(
                packed.map(PackedRequest::not_modified),
                [false, true, false]
            );
            assert_eq!(packed.map(PackedRequest::is_missing), [false, false, true]);
        }
        assert_eq!(size_of::<PackedRequest>(), 4);
    }

    #[test]
    #[should_panic(expected = "too large")]
    fn an_object_of_31_bits_does_not_fit() {
        PackedRequest::missing(1 << 30);
    }
}
