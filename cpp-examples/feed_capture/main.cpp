// Captures a Nasdaq TotalView-ITCH 5.0 feed into Parquet, from a thread that cannot wait.
//
// Start reading at `capture` below: it is what a feed handler does with libflow. records.hpp says what is
// captured, Table how a table is opened; the rest is the feed and the report.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <flow.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "feed.hpp"
#include "generator.hpp"
#include "itch.hpp"
#include "latency.hpp"
#include "options.hpp"
#include "records.hpp"
#include "report.hpp"

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may touch nothing else");

// The first signal ends the capture in good order, a second one the program at once.
void end_on(int signal) {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted.store(true, std::memory_order_relaxed); };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(signal, &action, nullptr);
}

// Gives out the times at which messages arrive: the next one's turn at the rate asked for.
class Arrivals {
 public:
  explicit Arrivals(std::uint64_t rate) : ns_per_message_(rate == 0 ? 0 : 1e9 / static_cast<double>(rate)) {
    wall_ = std::chrono::system_clock::now().time_since_epoch();
    start_ = std::chrono::steady_clock::now();
  }

  // Waits for the turn of message `index` and returns the time, in ns since 1970. The time goes on from
  // the wall clock at the start by the monotonic clock, so that it never steps back.
  std::int64_t wait(std::uint64_t index) const {
    using namespace std::chrono;
    const nanoseconds due(static_cast<std::int64_t>(static_cast<double>(index) * ns_per_message_));
    nanoseconds elapsed = steady_clock::now() - start_;
    while (elapsed < due && !interrupted.load(std::memory_order_relaxed)) {
      // Spins, as a feed handler does, unless the feed is so slow that it would be a waste.
      if (due - elapsed > milliseconds(2)) {
        std::this_thread::sleep_for(std::min<nanoseconds>(due - elapsed - milliseconds(1), milliseconds(50)));
      }
      elapsed = steady_clock::now() - start_;
    }
    return (wall_ + elapsed).count();
  }

  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  double ns_per_message_;
  std::chrono::nanoseconds wall_;
  std::chrono::steady_clock::time_point start_;
};

// A table being captured into one Parquet part: its sink, and the hot thread's producer. A part of that name
// from an earlier run is replaced when this one is closed; destroyed before that, a table leaves nothing
// behind.
template <class Record>
struct Table {
  // Its rows are records with `fields`, followed by a payload if `payload_name` is given. The sink keeps what
  // it needs of the layout.
  Table(const std::string& path, const std::vector<pf_record_field>& fields, const char* payload_name,
        const pf_writer_options& writer_options, const pf_sink_options& sink_options)
      : sink(path, flow::record_layout(sizeof(Record), fields, payload_name), &writer_options, &sink_options),
        producer(sink) {}

  flow::sink sink;
  flow::producer<Record> producer;
};

// Books the outcome of a record call. False if the sink has failed, so that there is no use in going on.
bool book(Offered& offered, pf_status status, std::uint64_t ticks) {
  offered.ticks.add(ticks);
  if (status == PF_OK) {
    ++offered.captured;
  } else {
    ++offered.dropped;
  }
  return status >= 0;
}

// The hot thread: reads the feed to its end, as often as asked for, to a fault, or until interrupted. The two
// record calls copy what they are given into a lane and are back within nanoseconds; they never wait,
// allocate or lock.
void capture(itch::Reader& reader, const Options& options, Table<OrderRecord>& orders,
             Table<MessageHead>& messages, Summary& summary) {
  Progress progress;
  const Arrivals arrivals(options.rate);
  const itch::Reader start = reader;
  std::uint64_t repeats = 1;
  for (std::uint64_t index = 0; !interrupted.load(std::memory_order_relaxed); ++index) {
    auto message = reader.next();
    if (!message && reader.fault().empty() && repeats < options.repeat) {
      ++repeats;
      reader = start;
      message = reader.next();
    }
    if (!message) break;
    const std::int64_t receive_time = arrivals.wait(index);
    ++summary.messages[itch::type_index(message->type())];

    OrderRecord record;
    if (decode(*message, record)) {
      record.receive_time = receive_time;
      const std::uint64_t before = TickClock::now();
      const pf_status status = orders.producer.try_record(record);
      if (!book(summary.orders, status, TickClock::now() - before)) break;
    }

    const MessageHead head{receive_time, message->type()};
    const std::uint64_t before = TickClock::now();
    const pf_status status = messages.producer.try_record(head, message->bytes, message->size);
    if (!book(summary.all, status, TickClock::now() - before)) break;

    progress.update(index + 1, summary.orders.dropped + summary.all.dropped);
  }
  summary.seconds = arrivals.seconds();
}

Feed feed_of(const Options& options) {
  if (!options.feed.empty()) return Feed::open(options.feed);
  Feed feed = Feed::of(generate_feed(options.messages, options.seed));
  if (!options.save_feed.empty()) feed.save(options.save_feed);
  return feed;
}

// Publishes a table, or prints why that cannot be: closing returns what failed on libflow's threads too.
// No exception, so that one table's failure does not cost the other.
std::optional<pf_sink_result> publish(flow::sink& sink) {
  try {
    return sink.close();
  } catch (const flow::error& error) {
    std::fprintf(stderr, "feed_capture: %s\n", error.what());
    return std::nullopt;
  }
}

int run(const Options& options) {
  const Feed feed = feed_of(options);
  end_on(SIGINT);
  end_on(SIGTERM);

  const std::filesystem::path out(options.out);
  std::filesystem::create_directories(out);
  pf_writer_options writer_options = PF_WRITER_OPTIONS_INIT;
  writer_options.codec = options.codec;
  writer_options.if_exists = PF_IF_EXISTS_REPLACE;
  pf_sink_options sink_options = PF_SINK_OPTIONS_INIT;
  sink_options.lane_bytes = options.lane_mib << 20;
  Table<OrderRecord> orders((out / "orders.parquet").string(), order_fields(), nullptr, writer_options,
                            sink_options);
  Table<MessageHead> messages((out / "messages.parquet").string(), message_fields(), "payload",
                              writer_options, sink_options);

  const TickClock clock;
  itch::Reader reader(feed.data(), feed.size());
  Summary summary;
  capture(reader, options, orders, messages, summary);

  const auto orders_part = publish(orders.sink);
  const auto messages_part = publish(messages.sink);
  if (!orders_part || !messages_part) return kExitFailed;
  print_report(summary, clock, *orders_part, *messages_part);

  if (!reader.fault().empty()) {
    std::fflush(stdout);
    std::fprintf(stderr, "feed_capture: %s: byte %zu: %s; %s messages before it were captured\n",
                 options.feed.c_str(), reader.offset(), reader.fault().c_str(),
                 grouped(summary.all.captured).c_str());
    return kExitBadFeed;
  }
  if (interrupted) std::puts("\nInterrupted: the rest of the feed was not captured.");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  try {
    return run(options);
  } catch (const FeedError& error) {
    std::fprintf(stderr, "feed_capture: %s\n", error.what());
    return kExitBadFeed;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "feed_capture: %s\n", error.what());
    return kExitFailed;
  }
}
