//! Eight tight loops, for measuring what the engine's checks cost. A row is a name and a size, such as `sieve 1000000`;
//! the output is a checksum.

use std::hint::black_box;

raw::task!(kernel);

fn kernel(row: &[u8]) -> Vec<u8> {
    let row = std::str::from_utf8(row).expect("rows are text");
    let (name, size) = row.split_once(' ').expect("a name and a size");
    let size = size.parse().expect("a size");
    let sum = match name {
        "sums" => sums(size),
        "sieve" => sieve(size),
        "hash" => hash(size),
        "sort" => sort(size),
        "nbody" => nbody(size),
        "collatz" => collatz(size),
        "fib" => fib(size),
        "matmul" => matmul(size),
        _ => panic!("{name} is no kernel"),
    };
    sum.to_string().into_bytes()
}

/// Pseudo-random numbers (xorshift).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Squares, each mixed with a number that the compiler does not know, so that it has no formula for their sum.
fn sums(count: u64) -> u64 {
    let key = black_box(0);
    (0..count).fold(0, |sum: u64, i| sum.wrapping_add(i.wrapping_mul(i) ^ key))
}

/// How many primes there are below.
fn sieve(below: u64) -> u64 {
    let mut composite = vec![false; below as usize];
    let mut primes = 0;
    for i in 2..below as usize {
        if !composite[i] {
            primes += 1;
            (i * i..below as usize).step_by(i).for_each(|multiple| composite[multiple] = true);
        }
    }
    primes
}

/// FNV-1a over a block, again and again.
fn hash(bytes: u64) -> u64 {
    let block: Vec<u8> = (0..4096u32).map(|i| (i * 7) as u8).collect();
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for _ in 0..bytes / 4096 {
        for byte in &block {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    hash
}

fn sort(count: u64) -> u64 {
    let mut state = 88_172_645_463_325_252;
    let mut numbers: Vec<u64> = (0..count).map(|_| next(&mut state)).collect();
    numbers.sort_unstable();
    numbers.iter().zip(0u64..).fold(0, |sum: u64, (number, at)| sum.wrapping_add(number ^ at))
}

/// Sun and four planets, for so many steps.
fn nbody(steps: u64) -> u64 {
    let mut place: [[f64; 3]; 5] =
        [[0.0, 0.0, 0.0], [4.8, -1.2, -0.1], [8.3, 4.1, -0.4], [12.9, -15.1, -0.2], [15.4, -25.9, 0.2]];
    let mut speed: [[f64; 3]; 5] =
        [[0.0; 3], [0.6, 2.8, -0.02], [-1.0, 1.8, 0.008], [1.1, 0.9, -0.01], [1.0, 0.6, -0.03]];
    let mass = [39.47, 0.037, 0.011, 0.0017, 0.002];
    for _ in 0..steps {
        for i in 0..5 {
            for j in i + 1..5 {
                let apart: [f64; 3] = std::array::from_fn(|k| place[i][k] - place[j][k]);
                let square: f64 = apart.iter().map(|part| part * part).sum();
                let pull = 0.001 / (square * square.sqrt());
                for k in 0..3 {
                    speed[i][k] -= apart[k] * mass[j] * pull;
                    speed[j][k] += apart[k] * mass[i] * pull;
                }
            }
        }
        for i in 0..5 {
            for k in 0..3 {
                place[i][k] += 0.001 * speed[i][k];
            }
        }
    }
    place.iter().flatten().fold(0, |sum: u64, part| sum.wrapping_add(part.to_bits()))
}

/// Steps to 1 of all numbers below, together.
fn collatz(below: u64) -> u64 {
    let mut steps = 0;
    for start in 1..below {
        let mut n = start;
        while n != 1 {
            n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
            steps += 1;
        }
    }
    steps
}

/// The most calls for the least work.
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(black_box(n - 1)) + fib(n - 2) }
}

/// The product of two square matrices of this order.
fn matmul(order: u64) -> u64 {
    let n = order as usize;
    let a: Vec<f64> = (0..n * n).map(|i| (i % 7) as f64).collect();
    let b: Vec<f64> = (0..n * n).map(|i| (i % 11) as f64).collect();
    let mut c = vec![0.0; n * n];
    for i in 0..n {
        for k in 0..n {
            let factor = a[i * n + k];
            for j in 0..n {
                c[i * n + j] += factor * b[k * n + j];
            }
        }
    }
    c.iter().sum::<f64>() as u64
}
