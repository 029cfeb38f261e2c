//! Who runs on which CPU: sleeping, waking, steps.

use super::cpu::{Activity, Cpu, ProcId, Process, Role, Scheduled, Waiter};
use super::events::Event;
use super::state::Machine;
use crate::engine::Nanos;

impl Machine {
    /// A new process, asleep, on `cpu`; `pinned`: it stays there.
    pub fn spawn(&mut self, role: Role, cpu: usize, pinned: bool) -> ProcId {
        let state = Scheduled::Asleep;
        self.procs.push(Process {
            role,
            cpu,
            pinned,
            state,
            runs_until: Nanos::ZERO,
        });
        ProcId(self.procs.len() as u32 - 1)
    }

    /// What a process does.
    pub fn role(&self, proc: ProcId) -> Role {
        self.procs[proc.0 as usize].role
    }

    /// The CPU that a process is on, or was on last.
    pub fn cpu_of(&self, proc: ProcId) -> usize {
        self.procs[proc.0 as usize].cpu
    }

    /// The CPU on which a copy of the server begins: the copies take the CPUs in turn.
    pub fn home_cpu(&self, copy: u32) -> usize {
        copy as usize % self.server_cpus
    }

    /// The process of a copy's event loop.
    pub fn loop_of(&self, copy: u32) -> ProcId {
        self.loops[copy as usize].proc
    }

    /// Wakes `proc` out of a step: it joins its CPU's queue. Does nothing if it does not sleep.
    pub fn wake(&mut self, proc: ProcId) {
        if self.procs[proc.0 as usize].state != Scheduled::Asleep {
            return;
        }
        let waker = self.stepping_cpu();
        self.place(proc);
        if self.cpu_of(proc) == waker {
            self.charge(Activity::Switch, self.costs.kernel.wake_same_cpu);
            self.enqueue(proc);
        } else {
            self.wake_across(proc, waker);
        }
    }

    /// The CPU whose step this is.
    ///
    /// # Panics
    /// Outside of a step.
    pub(crate) fn stepping_cpu(&self) -> usize {
        self.stepping.expect("inside a step")
    }

    /// Whether a process may go to another CPU now: it does not have to stay, and the step in
    /// which it went to sleep is over.
    fn may_move(&self, proc: ProcId) -> bool {
        let process = self.procs[proc.0 as usize];
        !process.pinned && self.now >= process.runs_until
    }

    /// A woken process that may move goes to an idle CPU if its own is busy.
    fn place(&mut self, proc: ProcId) {
        let cpu = self.cpu_of(proc);
        if !self.may_move(proc) || !self.cpus[cpu].busy {
            return;
        }
        if let Some(idle) = (0..self.server_cpus).find(|&other| !self.cpus[other].busy) {
            self.procs[proc.0 as usize].cpu = idle;
        }
    }

    /// Has the loop of `copy` count as waiting for work.
    pub fn loop_waits(&mut self, copy: u32) {
        self.loops[copy as usize].waits = true;
        self.waiting_loops.push_back(copy);
    }

    /// Whether the loop of `copy` waited for work; it does so no more.
    pub(crate) fn stop_waiting(&mut self, copy: u32) -> bool {
        let waited = std::mem::take(&mut self.loops[copy as usize].waits);
        if waited {
            self.waiting_loops.retain(|&other| other != copy);
        }
        waited
    }

    /// The copy whose loop has waited longest for work.
    pub(crate) fn longest_waiting(&self) -> Option<u32> {
        self.waiting_loops.front().copied()
    }

    /// Wakes a copy's loop out of a step if it waits for work.
    pub fn wake_if_waiting(&mut self, copy: u32) {
        if self.stop_waiting(copy) {
            self.wake(self.loop_of(copy));
        }
    }

    /// Wakes `proc` from the CPU `waker`, another than its own: the wake-up takes its way. Does
    /// nothing if it does not sleep.
    pub fn wake_across(&mut self, proc: ProcId, waker: usize) {
        let Process { cpu, state, .. } = self.procs[proc.0 as usize];
        if state != Scheduled::Asleep {
            return;
        }
        let cost = self.cost_of_waking(cpu);
        let delay = self.idle_time(cpu);
        let delay = delay.map_or(Nanos::ZERO, |idle| self.costs.idle.delay.after(idle));
        if self.stepping == Some(waker) {
            self.charge(Activity::Switch, cost);
        } else {
            self.interrupt(waker, cost, Activity::Switch);
        }
        self.procs[proc.0 as usize].state = Scheduled::Waking;
        self.at(self.now + delay, Event::Wake(proc));
    }

    /// CPU time of waking a process on `cpu` from another CPU.
    pub(super) fn cost_of_waking(&self, cpu: usize) -> Nanos {
        match self.idle_time(cpu) {
            None => self.costs.kernel.wake_busy_cpu,
            Some(idle) => self.costs.idle.wake.after(idle),
        }
    }

    /// How long `cpu` has been idle; `None` if it is not.
    fn idle_time(&self, cpu: usize) -> Option<Nanos> {
        let Cpu {
            busy, idle_since, ..
        } = self.cpus[cpu];
        (!busy).then(|| self.now - idle_since.unwrap_or_default())
    }

    /// Wakes `proc` from an interrupt on its own CPU, which pays for it, or as the end of a
    /// wake-up's way.
    pub fn wake_by_interrupt(&mut self, proc: ProcId, cost: Nanos) {
        match self.procs[proc.0 as usize].state {
            Scheduled::Asleep | Scheduled::Waking => {
                if self.procs[proc.0 as usize].state == Scheduled::Asleep {
                    self.place(proc);
                }
                self.interrupt(self.cpu_of(proc), cost, Activity::Switch);
                self.enqueue(proc);
            }
            Scheduled::Queued | Scheduled::Running => {}
        }
    }

    /// Tells `waiter`, from an interrupt, that what it waits for is there.
    pub(crate) fn notify(&mut self, waiter: Waiter) {
        let cost = self.costs.kernel.wake_same_cpu;
        match waiter {
            Waiter::Process(proc) => self.wake_by_interrupt(proc, cost),
            Waiter::TaskWork { copy, call } => {
                self.loops[copy as usize].task_work.push_back(call);
                if self.stop_waiting(copy) {
                    self.wake_by_interrupt(self.loop_of(copy), cost);
                }
            }
        }
    }

    /// The next call that the loop of `copy` is to go on with.
    pub(crate) fn take_task_work(&mut self, copy: u32) -> Option<u32> {
        self.loops[copy as usize].task_work.pop_front()
    }

    /// Charges an interrupt to `cpu`.
    pub fn interrupt(&mut self, cpu: usize, cost: Nanos, activity: Activity) {
        if cost == Nanos::ZERO {
            return;
        }
        self.cpus[cpu].debt += cost;
        self.cpus[cpu].spent[activity as usize] += cost;
        self.start_if_idle(cpu);
    }

    fn enqueue(&mut self, proc: ProcId) {
        let process = &mut self.procs[proc.0 as usize];
        process.state = Scheduled::Queued;
        let cpu = process.cpu;
        if self.wakeup_preemption {
            self.cpus[cpu].queue.push_front(proc);
            self.cpus[cpu].preempt = true;
        } else {
            self.cpus[cpu].queue.push_back(proc);
        }
        self.start_if_idle(cpu);
    }

    fn start_if_idle(&mut self, cpu: usize) {
        if !self.cpus[cpu].busy {
            self.cpus[cpu].busy = true;
            self.at(self.now, Event::Cpu(cpu as u32));
        }
    }

    /// Begins a step of `cpu` at the present: pays its debts and picks a process. `None`: only
    /// debts were paid, or the CPU has nothing to do.
    pub(crate) fn begin_step(&mut self, cpu: usize) -> Option<ProcId> {
        self.stepping = Some(cpu);
        self.spent = std::mem::take(&mut self.cpus[cpu].debt);
        if self.spent > Nanos::ZERO {
            return None;
        }
        self.give_way(cpu);
        if self.cpus[cpu].current.is_none() && self.switch_to_next(cpu)? {
            return None;
        }
        if let Some(since) = self.cpus[cpu].idle_since.take() {
            let idle = self.now - since;
            self.cpus[cpu].idles.ended(self.now, idle);
            self.charge(Activity::Switch, self.costs.idle.restart.after(idle));
        }
        self.counters.steps += 1;
        self.cpus[cpu].current
    }

    /// The running process goes back to the queue if another is due.
    fn give_way(&mut self, cpu: usize) {
        let state = &mut self.cpus[cpu];
        let due = std::mem::take(&mut state.preempt) || self.now >= state.quantum_ends;
        if due
            && !state.queue.is_empty()
            && let Some(running) = state.current.take()
        {
            self.procs[running.0 as usize].state = Scheduled::Queued;
            state.queue.push_back(running);
        }
    }

    /// Puts the next process on `cpu`; `None` if there is none. Returns whether that took a switch.
    fn switch_to_next(&mut self, cpu: usize) -> Option<bool> {
        let next = self.cpus[cpu].queue.pop_front();
        let next = next.or_else(|| self.take_over(cpu))?;
        self.procs[next.0 as usize].state = Scheduled::Running;
        let state = &mut self.cpus[cpu];
        state.current = Some(next);
        state.quantum_ends = self.now + self.quantum;
        if state.last.replace(next) == Some(next) {
            return Some(false);
        }
        state.switches += 1;
        self.charge(Activity::Switch, self.costs.kernel.context_switch);
        Some(true)
    }

    /// A process that waits for another CPU and may move to this one.
    fn take_over(&mut self, cpu: usize) -> Option<ProcId> {
        if cpu >= self.server_cpus {
            return None;
        }
        let others = (0..self.server_cpus).filter(|&other| other != cpu);
        let from = others
            .rev()
            .max_by_key(|&other| self.cpus[other].queue.len())?;
        let queue = &self.cpus[from].queue;
        let place = queue.iter().position(|&proc| self.may_move(proc))?;
        let proc = self.cpus[from].queue.remove(place)?;
        self.procs[proc.0 as usize].cpu = cpu;
        Some(proc)
    }

    /// Ends the step. Returns whether the next one may be taken at once: if nothing else happens
    /// before it begins.
    pub(crate) fn end_step(&mut self, cpu: usize) -> bool {
        self.stepping = None;
        let then = self.local();
        self.spent = Nanos::ZERO;
        let state = &mut self.cpus[cpu];
        let idle = state.current.is_none() && state.queue.is_empty() && state.debt == Nanos::ZERO;
        if idle && then == self.now {
            state.busy = false;
            state.idle_since = state.idle_since.or(Some(then));
            return false;
        }
        if self.run_ahead && then < self.events.next_time() {
            self.now = then;
            return true;
        }
        self.at(then, Event::Cpu(cpu as u32));
        false
    }

    /// The running process of the step sleeps.
    pub(crate) fn sleep(&mut self, cpu: usize) {
        let proc = self.cpus[cpu].current.take().expect("a process is running");
        let runs_until = self.local();
        let process = &mut self.procs[proc.0 as usize];
        process.state = Scheduled::Asleep;
        process.runs_until = runs_until;
    }
}
