// The peer of record/capture: the same orders through spdlog's async logger into a text file, a line each.
// Nothing is lost: a full queue blocks.
//
//   spdlog_async ORDERS OUT    prints records a second, until everything is in the file
#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>
#include <vector>

// As in orders.rs.
struct Order {
  std::int64_t ts;
  std::uint64_t order_id;
  std::int64_t price;
  std::int32_t qty;
  std::uint32_t instrument;
  char symbol[8];
  std::int16_t venue;
  std::int8_t side;
  std::uint8_t flags;
  char reserved[20];
};
static_assert(sizeof(Order) == 64, "the struct of orders.rs");

int main(int argc, char **argv) {
  if (argc != 3) {
    return 2;
  }
  std::ifstream file(argv[1], std::ios::binary | std::ios::ate);
  std::vector<Order> orders(static_cast<std::size_t>(file.tellg()) / sizeof(Order));
  file.seekg(0);
  file.read(reinterpret_cast<char *>(orders.data()),
            static_cast<std::streamsize>(orders.size() * sizeof(Order)));
  if (!file || orders.empty()) {
    return 1;
  }

  // 64 Ki messages wait at most; one thread writes, as lines of one file have an order.
  spdlog::init_thread_pool(1 << 16, 1);
  auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(argv[2], true);
  auto log = std::make_shared<spdlog::async_logger>("orders", sink, spdlog::thread_pool(),
                                                    spdlog::async_overflow_policy::block);
  log->set_pattern("%v");

  constexpr int passes = 3;
  auto start = std::chrono::steady_clock::now();
  for (int pass = 0; pass < passes; ++pass) {
    for (const Order &o : orders) {
      std::string_view symbol(o.symbol, sizeof o.symbol);
      log->info("{} {} {} {} {} {} {} {} {}", o.ts, o.order_id, o.price, o.qty, o.instrument, symbol, o.venue,
                static_cast<int>(o.side), o.flags);
    }
  }
  log.reset();
  sink.reset();
  spdlog::shutdown();  // writes what waits and closes the file
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%.0f\n", static_cast<double>(passes * orders.size()) / took.count());
}
