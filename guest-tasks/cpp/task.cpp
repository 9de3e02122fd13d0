// A number's largest prime factor: a row of JSON on standard input, its answer on standard output.
//
//     wpool run . inputs.jsonl
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

static std::uint64_t largest_prime_factor(std::uint64_t n) {
    for (std::uint64_t divisor = 2; divisor <= n / divisor;) {
        if (n % divisor == 0)
            n /= divisor;
        else
            ++divisor;
    }
    return n;
}

static std::optional<std::uint64_t> parse(std::string_view row) {
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(row.data(), row.data() + row.size(), n);
    if (error != std::errc{} || end != row.data() + row.size() || n < 2)
        return std::nullopt;
    return n;
}

int main() {
    std::string row, rest;
    std::cin >> row;
    const auto n = parse(row);
    if (!n || std::cin >> rest) {
        std::cerr << "expected an integer from 2 to " << std::numeric_limits<std::uint64_t>::max() << ", got " << row
                  << '\n';
        return EXIT_FAILURE;
    }
    std::cout << largest_prime_factor(*n) << '\n';
}
