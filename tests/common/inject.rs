//! Makes system calls inside a running process with ptrace(2), as an attacker would who runs code in it.
#![cfg(target_arch = "x86_64")]

use nix::{
    libc::{self, c_long},
    sys::{ptrace, wait::waitpid},
    unistd::Pid,
};
use std::{fs::OpenOptions, os::unix::fs::FileExt};

/// An argument of a system call.
#[derive(Clone, Copy)]
pub enum Argument<'a> {
    Number(u64),
    /// The address of these bytes, which are put into the process.
    Bytes(&'a [u8]),
}

/// Makes a system call in the main thread of a process that waits for input, and returns its result: a negative number is
/// an error number.
pub fn call(pid: u32, number: c_long, arguments: &[Argument]) -> i64 {
    let process = Pid::from_raw(pid.try_into().unwrap());
    ptrace::attach(process).unwrap();
    waitpid(process, None).unwrap();
    let before = ptrace::getregs(process).unwrap();
    let memory = OpenOptions::new().read(true).write(true).open(format!("/proc/{pid}/mem")).unwrap();
    // The process waits in a system call, so the instruction before this one makes one.
    let instruction = before.rip - 2;
    let mut bytes = [0; 2];
    memory.read_exact_at(&mut bytes, instruction).unwrap();
    assert_eq!(bytes, [0x0f, 0x05], "the process isn't in a system call");
    let mut free = before.rsp - 4096;
    let mut values = [0; 6];
    for (value, argument) in values.iter_mut().zip(arguments) {
        *value = match argument {
            Argument::Number(number) => *number,
            Argument::Bytes(bytes) => {
                memory.write_all_at(bytes, free).unwrap();
                let at = free;
                free += (bytes.len() as u64 + 16) & !15;
                at
            }
        };
    }
    let [rdi, rsi, rdx, r10, r8, r9] = values;
    let rax = number.try_into().unwrap();
    let regs =
        libc::user_regs_struct { rax, orig_rax: u64::MAX, rip: instruction, rdi, rsi, rdx, r10, r8, r9, ..before };
    ptrace::setregs(process, regs).unwrap();
    ptrace::step(process, None).unwrap();
    waitpid(process, None).unwrap();
    let result = ptrace::getregs(process).unwrap().rax.cast_signed();
    ptrace::setregs(process, before).unwrap();
    ptrace::detach(process, None).unwrap();
    result
}
