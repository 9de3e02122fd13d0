//! A number's largest prime factor: a row of JSON on standard input, its answer on standard output.
//!
//!     wpool run . inputs.jsonl

const std = @import("std");

pub fn main(init: std.process.Init) !void {
    var buffer: [256]u8 = undefined;
    var stdin = std.Io.File.stdin().readerStreaming(init.io, &buffer);
    const row = try stdin.interface.allocRemaining(init.arena.allocator(), .unlimited);

    const n = std.fmt.parseUnsigned(u64, std.mem.trim(u8, row, " \t\r\n"), 10) catch 0;
    if (n < 2) {
        std.debug.print("expected an integer from 2 to {d}, got {s}\n", .{ std.math.maxInt(u64), row });
        std.process.exit(1);
    }

    var stdout = std.Io.File.stdout().writerStreaming(init.io, &.{});
    try stdout.interface.print("{d}\n", .{largestPrimeFactor(n)});
}

fn largestPrimeFactor(number: u64) u64 {
    var n = number;
    var divisor: u64 = 2;
    while (divisor <= n / divisor) {
        if (n % divisor == 0) n /= divisor else divisor += 1;
    }
    return n;
}
