// Times single calls of some nanoseconds: a cheap clock, and a histogram that takes millions of them.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

// Counts ticks of the time stamp counter where there is one: it takes a third of the time that
// clock_gettime takes, which would hide what is measured.
class TickClock {
 public:
  // Compares the counter with the system's monotonic clock for 20 ms.
  TickClock() {
    using namespace std::chrono;
    const auto start = steady_clock::now();
    const std::uint64_t first = now();
    auto end = start;
    while (end - start < milliseconds(20)) end = steady_clock::now();
    ns_per_tick_ = static_cast<double>(duration_cast<nanoseconds>(end - start).count()) /
                   static_cast<double>(now() - first);
    // The least of some rounds, so that an interrupted one does not count.
    overhead_ = step_ = ~std::uint64_t{0};
    for (int round = 0; round < 20; ++round) {
      const std::uint64_t begin = now();
      std::uint64_t last = begin;
      for (int i = 0; i < kRound; ++i) {
        const std::uint64_t next = now();
        if (next > last) step_ = std::min(step_, next - last);
        last = next;
      }
      overhead_ = std::min(overhead_, last - begin);
    }
  }

  // The fence keeps the call measured from running past the reading.
  static std::uint64_t now() {
#if defined(__x86_64__)
    _mm_lfence();
    return __rdtsc();
#else
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
  }

  double ns(std::uint64_t ticks) const { return static_cast<double>(ticks) * ns_per_tick_; }

  // What a measured call that does nothing shows on average.
  double overhead_ns() const { return ns(overhead_) / kRound; }

  // The clock goes in steps of this, so a single call is known no better.
  double step_ns() const { return ns(step_); }

 private:
  static constexpr int kRound = 1000;

  double ns_per_tick_ = 1;
  std::uint64_t overhead_ = 0;  // Of a round of readings.
  std::uint64_t step_ = 0;
};

// A log-linear histogram: each power of two is split into 64 buckets, so a value is known to 1.6 %.
class Histogram {
 public:
  void add(std::uint64_t value) {
    ++buckets_[bucket(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }

  // The value that `fraction` of all values do not exceed.
  std::uint64_t quantile(double fraction) const {
    const auto rank = static_cast<std::uint64_t>(fraction * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > rank) return std::min(upper_bound(i), max_);
    }
    return max_;
  }

 private:
  static constexpr unsigned kSplitBits = 6;
  static constexpr std::size_t kSplit = std::size_t{1} << kSplitBits;

  // Values below 2 * kSplit have a bucket each.
  static std::size_t bucket(std::uint64_t value) {
    if (value < 2 * kSplit) return value;
    const unsigned shift = 63 - static_cast<unsigned>(__builtin_clzll(value)) - kSplitBits;
    return shift * kSplit + static_cast<std::size_t>(value >> shift);
  }

  static std::uint64_t upper_bound(std::size_t bucket) {
    if (bucket < 2 * kSplit) return bucket;
    const std::size_t shift = bucket / kSplit - 1;
    return ((bucket - shift * kSplit + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - kSplitBits + 1) * kSplit> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};
