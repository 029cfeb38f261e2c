//! The FUSE side: a file system with one file, the image.

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyEntry, ReplyOpen, Request,
};

use super::server::Server;
use crate::emulate::image::BLOCK_BYTES;
use crate::emulate::realtime;

/// The image's name below the FUSE mount point.
pub(super) const IMAGE_NAME: &str = "image";
const IMAGE_INODE: INodeNo = INodeNo(2);
/// Nothing here ever changes.
const VALID_FOR: Duration = Duration::from_secs(3600);
/// Requests in flight before the kernel holds further ones back, out of the
/// disk's sight; above the loop device's own limit of 128.
const MAX_BACKGROUND: u16 = 1024;

/// Hands requests over to the [`Server`].
pub(super) struct ImageFileSystem(pub(super) Arc<Server>);

impl ImageFileSystem {
    fn attributes(&self, inode: INodeNo) -> Option<FileAttr> {
        let (kind, size) = match inode {
            INodeNo::ROOT => (FileType::Directory, 0),
            IMAGE_INODE => (FileType::RegularFile, self.0.image.as_bytes().len() as u64),
            _ => return None,
        };
        Some(FileAttr {
            ino: inode,
            size,
            blocks: size / 512,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm: 0o500,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: BLOCK_BYTES as u32,
            flags: 0,
        })
    }
}

impl Filesystem for ImageFileSystem {
    /// Asynchronous direct I/O: otherwise the loop device would wait for each
    /// request, and the disk would never see a queue.
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        config
            .add_capabilities(InitFlags::FUSE_ASYNC_DIO)
            .map_err(|_| io::Error::other("the kernel's FUSE lacks asynchronous direct I/O"))?;
        config
            .set_max_background(MAX_BACKGROUND)
            .map_err(|_| io::Error::other("the kernel refuses 1,024 background requests"))?;
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.attributes(IMAGE_INODE) {
            Some(attributes) if parent == INodeNo::ROOT && name == IMAGE_NAME => {
                reply.entry(&VALID_FOR, &attributes, Generation(0));
            }
            _ => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(inode) {
            Some(attributes) => reply.attr(&VALID_FOR, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.0.note_reader(realtime::thread_id());
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset_bytes: u64,
        length_bytes: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.0.read(offset_bytes, length_bytes, reply);
    }
}
