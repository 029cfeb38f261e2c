//! What POSIX asynchronous I/O adds: glibc's threads, completion by a real-time signal through a
//! signalfd in the loop's epoll set (with SIGEV_THREAD each completion would start a thread).

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::{mem, ptr};

use super::child::measure_in_child;
use super::scheduling::Scheduling;
use super::sockets::{SocketCalls, new_epoll, register};
use super::timing::{Rounds, mean_of, process_clock, thread_clock};
use super::tree::PAGE;
use super::{CalibrateError, Effort};

/// Operations in a round.
const READS: u64 = 500;
/// Figures of a round.
const FIGURES: usize = 4;

/// What was measured, in nanoseconds.
pub(super) struct Aio {
    pub(super) submit: Rounds,
    pub(super) work: Rounds,
    pub(super) complete: Rounds,
}

/// Measures on the CPU of the server, in a process of its own: the threads stay. `None` where the
/// system has no POSIX AIO.
pub(super) fn measure(
    effort: Effort,
    scheduling: &Scheduling,
    sockets: &SocketCalls,
) -> Result<Option<Aio>, CalibrateError> {
    let figures = measure_in_child("POSIX AIO", None, || {
        let mut reader = Reader::new()?;
        match reader.read() {
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Ok(vec![f64::NAN]),
            Err(error) => Err(error),
            Ok(()) => in_child(&mut reader, effort.rounds),
        }
    })?;
    if figures[0].is_nan() {
        return Ok(None);
    }
    let [in_all, submitting, complete, plain] = Rounds::columns::<FIGURES>(&figures);
    let wake = scheduling.wake_same_cpu.median();
    let switch = scheduling.context_switch.median();
    let wait = sockets.epoll_wait.median() + sockets.epoll_event.median();
    let work = in_all
        .with(&submitting, |in_all, part| in_all - part)
        .with(&complete, |rest, part| rest - part)
        .with(&plain, |rest, read| rest - read)
        .map(|rest| rest - wait - wake - 2.0 * switch);
    Ok(Some(Aio {
        submit: submitting.map(|time| time - wake),
        work,
        complete,
    }))
}

/// Per round: all CPU of a read, of that aio_read and the completion; a plain read.
fn in_child(reader: &mut Reader, rounds: usize) -> io::Result<Vec<f64>> {
    let mut figures = Vec::new();
    for _ in 0..=rounds {
        let cpu = process_clock();
        for _ in 0..READS {
            reader.read()?;
        }
        let in_all = (process_clock() - cpu) as f64 / READS as f64;
        let (mut submit, mut complete) = (0, 0);
        for _ in 0..READS {
            let start = thread_clock();
            reader.submit()?;
            submit += thread_clock() - start;
            reader.wait();
            let start = thread_clock();
            reader.complete()?;
            complete += thread_clock() - start;
        }
        let clock_cost = mean_of(READS, |_| {
            thread_clock();
        });
        let each = |time: u64| time as f64 / READS as f64 - clock_cost;
        let plain = mean_of(READS, |_| reader.plain());
        figures.extend([in_all, each(submit), each(complete), plain]);
    }
    Ok(figures.split_off(FIGURES)) // the first round warms
}

/// Reads the one page of a file, over and over.
pub(super) struct Reader {
    file: File,
    buffer: Box<[u8; PAGE]>,
    request: Box<libc::aiocb>,
    signals: OwnedFd,
    epoll: OwnedFd,
}

impl Reader {
    pub(super) fn new() -> io::Result<Self> {
        let mut file = tempfile::tempfile()?;
        file.write_all(&[1; PAGE])?;
        let signals = signalfd(completion_signal())?;
        let epoll = new_epoll()?;
        register(&epoll, signals.as_raw_fd(), libc::EPOLLIN)?;
        Ok(Self {
            file,
            buffer: Box::new([0; PAGE]),
            // SAFETY: aiocb is plain data for which all zeroes is a valid value.
            request: Box::new(unsafe { mem::zeroed() }),
            signals,
            epoll,
        })
    }

    pub(super) fn read(&mut self) -> io::Result<()> {
        self.submit()?;
        self.wait();
        self.complete()
    }

    fn submit(&mut self) -> io::Result<()> {
        // SAFETY: as in `new`; the library has ended the request before.
        *self.request = unsafe { mem::zeroed() };
        let request = &mut *self.request;
        request.aio_fildes = self.file.as_raw_fd();
        request.aio_buf = self.buffer.as_mut_ptr().cast();
        request.aio_nbytes = PAGE;
        request.aio_sigevent.sigev_notify = libc::SIGEV_SIGNAL;
        request.aio_sigevent.sigev_signo = completion_signal();
        // SAFETY: request and buffer are boxed, and left alone until the read has completed.
        match unsafe { libc::aio_read(request) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn wait(&self) {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: room for one event.
        unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), &raw mut event, 1, -1) };
    }

    fn complete(&mut self) -> io::Result<()> {
        let mut signal = [0_u8; size_of::<libc::signalfd_siginfo>()];
        let (start, length) = (signal.as_mut_ptr().cast(), signal.len());
        // SAFETY: room for one signal; the request was submitted and has completed.
        let read = unsafe {
            libc::read(self.signals.as_raw_fd(), start, length);
            let error = libc::aio_error(&raw const *self.request);
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
            libc::aio_return(&raw mut *self.request)
        };
        if read != PAGE as isize {
            return Err(io::Error::other(format!("a read of a page gave {read}")));
        }
        Ok(())
    }

    fn plain(&mut self) {
        let buffer = self.buffer.as_mut_ptr().cast();
        // SAFETY: the buffer is a page long.
        unsafe { libc::pread(self.file.as_raw_fd(), buffer, PAGE, 0) };
    }
}

fn completion_signal() -> libc::c_int {
    libc::SIGRTMIN() + 1
}

/// Blocks `signal` and makes it readable.
fn signalfd(signal: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: a signal set is plain data, initialised by `sigemptyset`; all pointers are valid.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut());
        let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_completes_through_the_signalfd() {
        // A signal to the process would reach a thread that does not block it: a process of one.
        let figures = measure_in_child("POSIX AIO", None, || {
            let mut reader = Reader::new()?;
            match reader.read() {
                Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Ok(vec![1.0]),
                result => result.map(|()| vec![f64::from(reader.buffer[PAGE - 1])]),
            }
        });
        assert_eq!(figures.expect("the read is tried"), [1.0]);
    }
}
