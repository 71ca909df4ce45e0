#include "report.hpp"

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>

namespace {

void print_table(const char* name, const Offered& offered, const pf_sink_result& part) {
  std::printf("%-9s %12s %12s %6s %12s %14s  %s\n", name, grouped(offered.captured).c_str(),
              grouped(offered.dropped).c_str(), "1", grouped(part.rows).c_str(), grouped(part.bytes).c_str(),
              part.path);
}

void print_latency(const char* call, const Histogram& ticks, const TickClock& clock) {
  const auto ns = [&](std::uint64_t value) {
    return grouped(static_cast<std::uint64_t>(std::llround(clock.ns(value))));
  };
  std::printf("%-22s %12s %8s %8s %8s %12s\n", call, grouped(ticks.count()).c_str(),
              ns(ticks.quantile(0.5)).c_str(), ns(ticks.quantile(0.99)).c_str(),
              ns(ticks.quantile(0.999)).c_str(), ns(ticks.max()).c_str());
}

}  // namespace

std::string grouped(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

void print_report(const Summary& summary, const TickClock& clock, const pf_sink_result& orders,
                  const pf_sink_result& messages) {
  std::uint64_t total = 0;
  std::printf("%-4s  %-36s %12s\n", "type", "message", "count");
  for (std::size_t i = 0; i < summary.messages.size(); ++i) {
    if (summary.messages[i] == 0) continue;
    total += summary.messages[i];
    std::printf("%-4c  %-36s %12s\n", itch::kMessageTypes[i].code, itch::kMessageTypes[i].name,
                grouped(summary.messages[i]).c_str());
  }
  std::printf("%-4s  %-36s %12s\n\n", "", "total", grouped(total).c_str());

  std::printf("%-9s %12s %12s %6s %12s %14s  %s\n", "table", "captured", "dropped", "parts", "rows", "bytes",
              "path");
  print_table("orders", summary.orders, orders);
  print_table("messages", summary.all, messages);

  const std::uint64_t captured = summary.orders.captured + summary.all.captured;
  const double seconds = std::max(summary.seconds, 1e-9);
  std::printf("\n%s records in %.3f s: %s records/s, %s messages/s\n\n", grouped(captured).c_str(), seconds,
              grouped(static_cast<std::uint64_t>(static_cast<double>(captured) / seconds)).c_str(),
              grouped(static_cast<std::uint64_t>(static_cast<double>(total) / seconds)).c_str());

  std::printf("%-22s %12s %8s %8s %8s %12s\n", "call (ns)", "calls", "p50", "p99", "p99.9", "max");
  print_latency("try_record", summary.orders.ticks, clock);
  print_latency("try_record, payload", summary.all.ticks, clock);
  std::printf("Reading the clock takes %.1f ns, which is in every figure; it goes in steps of %.1f ns.\n",
              clock.overhead_ns(), clock.step_ns());

  if (summary.orders.dropped + summary.all.dropped > 0) {
    std::printf(
        "\nDropped: the feed was faster than libflow could write, so a lane was full. The record calls\n"
        "never wait: they refused these records and counted them, and the tables lack them. Give a lower\n"
        "--rate, a larger --lane-mib (it evens out bursts), a cheaper --codec, or another core.\n");
  }
  if (const std::uint64_t replaced = orders.replaced + messages.replaced) {
    std::printf("\n%s texts were not UTF-8: the bytes at fault became U+FFFD.\n", grouped(replaced).c_str());
  }
}

Progress::Progress() : thread_([this] { run(); }) {}

Progress::~Progress() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  stopping_.notify_one();
  thread_.join();
}

void Progress::run() {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const auto period = std::chrono::milliseconds(terminal ? 100 : 1000);
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_.wait_for(lock, period, [this] { return stop_; })) {
    std::fprintf(stderr, "%s%14s messages, %s records dropped%s", terminal ? "\r" : "",
                 grouped(messages_.load(std::memory_order_relaxed)).c_str(),
                 grouped(dropped_.load(std::memory_order_relaxed)).c_str(), terminal ? "" : "\n");
  }
  if (terminal) std::fputs("\r\033[K", stderr);
}
