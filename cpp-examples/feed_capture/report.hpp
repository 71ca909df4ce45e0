// What the program tells while it runs and at its end.
#pragma once

#include <flow.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "itch.hpp"
#include "latency.hpp"

// What became of the records offered to one table, as the hot thread saw it.
struct Offered {
  std::uint64_t captured = 0;
  std::uint64_t dropped = 0;
  Histogram ticks;  // Of each call.
};

struct Summary {
  std::array<std::uint64_t, itch::kMessageTypes.size()> messages{};  // As in kMessageTypes.
  Offered orders;
  Offered all;
  double seconds = 0;  // From the first message to the last; the closing is not in it.
};

// The table at the end.
void print_report(const Summary& summary, const TickClock& clock, const pf_sink_result& orders,
                  const pf_sink_result& messages);

// With thousands separators.
std::string grouped(std::uint64_t value);

// Shows how far the capture is: one line that is rewritten on a terminal, else a line a second. On a
// thread of its own, since the hot thread has no time to write.
class Progress {
 public:
  Progress();
  ~Progress();

  // Told by the hot thread after each message; plain stores, as it is the only one that writes.
  void update(std::uint64_t messages, std::uint64_t dropped) {
    messages_.store(messages, std::memory_order_relaxed);
    dropped_.store(dropped, std::memory_order_relaxed);
  }

 private:
  void run();

  std::atomic<std::uint64_t> messages_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;
  std::thread thread_;
};
