// libflow's record path in C++17: handles that free themselves, errors that are exceptions, and a call that
// the compiler puts where it is made. Header only, over the C ABI of flow.h.
//
//   flow::record_layout layout(sizeof(tick), fields);
//   flow::sink sink("ticks.parquet", layout);
//   flow::producer<tick> producer(sink);
//   producer.try_record(t);         // some nanoseconds; never waits, throws or calls the system
//   pf_sink_result done = sink.close();
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "flow.h"

namespace flow {

// What a cold call reports: the call, the error class, the message, and the line that classified it.
class error : public std::runtime_error {
 public:
  error(const char* call, const pf_error& detail)
      : std::runtime_error(std::string(call) + ": " + pf_status_name(detail.status) + ": " + detail.message +
                           " (" + detail.file + ":" + std::to_string(detail.line) + ")"),
        status_(detail.status) {}

  // One of PF_ERR_*.
  pf_status status() const noexcept { return status_; }

 private:
  pf_status status_;
};

// Throws if a call failed; states, which are above 0, are no failures.
inline void check(const char* call, pf_status status, const pf_error& detail) {
  if (status < 0) throw error(call, detail);
}

// A record layout: see pf_record_layout_new. Sinks keep what they need of it.
class record_layout {
 public:
  record_layout(std::size_t record_size, const std::vector<pf_record_field>& fields,
                const char* payload_name = nullptr) {
    pf_error detail = PF_ERROR_INIT;
    pf_record_layout* made = nullptr;
    check("pf_record_layout_new",
          pf_record_layout_new(static_cast<std::uint32_t>(record_size), fields.data(), fields.size(),
                               sizeof(pf_record_field), payload_name, &made, &detail),
          detail);
    handle_.reset(made);
  }

  const pf_record_layout* get() const noexcept { return handle_.get(); }

 private:
  struct free {
    void operator()(pf_record_layout* layout) const noexcept { pf_record_layout_free(layout); }
  };
  std::unique_ptr<pf_record_layout, free> handle_;
};

// Copies `Size` bytes that were written a moment ago, field by field: few of them in loads of eight bytes.
// A wider one would span several of the fields' stores, which the CPU cannot forward to it, and would wait
// until they have reached the cache; of many bytes, the loads wait together.
template <std::size_t Size>
struct fresh {
  static void copy(void* to, const void* from) noexcept {
    char* const out = static_cast<char*>(to);
    const char* const in = static_cast<const char*>(from);
    if (Size < 8 || Size > 128) {
      std::memcpy(out, in, Size);
      return;
    }
    std::size_t at = 0;
    for (; at + 16 <= Size; at += 16) pair(out + at, in + at);
    if (at + 8 <= Size) {
      word(out + at, in + at);
      at += 8;
    }
    if (at < Size) word(out + Size - 8, in + Size - 8);
  }

 private:
  static void word(char* to, const char* from) noexcept {
    std::uint64_t word;
    std::memcpy(&word, from, sizeof word);
    __asm__("" : "+r"(word));  // Lest the compiler join it with the next.
    std::memcpy(to, &word, sizeof word);
  }

  // Stored at once: the CPU holds a store until its line has come, and only so many of them.
  static void pair(char* to, const char* from) noexcept {
#if defined(__SSE2__)
    __m128i first = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    __asm__("" : "+x"(first));  // As above.
    const __m128 both = _mm_loadh_pi(_mm_castsi128_ps(first), reinterpret_cast<const __m64*>(from + 8));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_castps_si128(both));
#else
    word(to, from);
    word(to + 8, from + 8);
#endif
  }
};

template <class Record>
class producer;

// A sink: see pf_sink_open. Destroyed without close(), it publishes nothing. Its producers keep it from being
// freed.
class sink {
 public:
  sink(const std::string& path, const record_layout& layout,
       const pf_writer_options* writer_options = nullptr, const pf_sink_options* sink_options = nullptr) {
    pf_error detail = PF_ERROR_INIT;
    pf_sink* opened = nullptr;
    check("pf_sink_open",
          pf_sink_open(path.c_str(), layout.get(), writer_options, sink_options, &opened, &detail), detail);
    handle_.reset(opened, pf_sink_free);
  }

  sink(sink&&) = default;
  sink& operator=(sink&&) = default;
  sink(const sink&) = delete;
  sink& operator=(const sink&) = delete;

  pf_sink* get() const noexcept { return handle_.get(); }

  // Ends the row group once what is in the lanes now has been captured.
  void flush() {
    pf_error detail = PF_ERROR_INIT;
    check("pf_sink_flush", pf_sink_flush(get(), &detail), detail);
  }

  // What has been done so far.
  pf_capture_stats stats() const {
    pf_error detail = PF_ERROR_INIT;
    pf_capture_stats stats = PF_CAPTURE_STATS_INIT;
    check("pf_sink_stats", pf_sink_stats(get(), &stats, &detail), detail);
    return stats;
  }

  // Captures what is still in the lanes and publishes the part. The result's path is valid as long as the
  // sink.
  pf_sink_result close() {
    pf_error detail = PF_ERROR_INIT;
    pf_sink_result result = PF_SINK_RESULT_INIT;
    check("pf_sink_close", pf_sink_close(get(), &result, &detail), detail);
    return result;
  }

 private:
  template <class Record>
  friend class producer;

  std::shared_ptr<pf_sink> handle_;
};

// One thread's way into a sink, for records of one type; used by one thread at a time.
// Destroyed, it is closed: what it has taken is still captured.
template <class Record>
class producer {
  static_assert(std::is_trivially_copyable<Record>::value, "a record is copied byte by byte");

 public:
  explicit producer(const sink& of, const pf_producer_options* options = nullptr) {
    pf_error detail = PF_ERROR_INIT;
    pf_producer* opened = nullptr;
    check("pf_producer_open", pf_producer_open(of.get(), options, &opened, &detail), detail);
    handle_ = {opened, close{of.handle_}};
  }

  pf_producer* get() const noexcept { return handle_.get(); }

  // As pf_try_record. The size is known here, so the copy is a few moves, and nothing is called while there
  // is room.
  pf_status try_record(const Record& record) noexcept {
    pf_lane* const lane = reinterpret_cast<pf_lane*>(get());
    if (lane->record_size == sizeof(Record) && lane->stride != 0 &&
        lane->tail + lane->stride <= lane->limit && __atomic_load_n(lane->state, __ATOMIC_RELAXED) == 0) {
      unsigned char* const entry = lane->ring + (lane->tail & lane->mask);
      fetch(entry);
      if (lane->head == 0) {
        fresh<sizeof(Record)>::copy(entry, &record);
        return publish(lane);
      }
#if defined(__x86_64__)
      if (lane->is_tsc != 0) {
        const std::uint64_t ticks = __builtin_ia32_rdtsc();
        std::memcpy(entry, &ticks, sizeof ticks);
        fresh<sizeof(Record)>::copy(entry + sizeof ticks, &record);
        return publish(lane);
      }
#endif
    }
    return pf_try_record(get(), &record, sizeof record);
  }

  // As pf_try_record_n: returns how many of them were taken, the first ones.
  std::uint64_t try_records(const Record* records, std::size_t count) noexcept {
    std::uint64_t taken = 0;
    pf_try_record_n(get(), records, sizeof(Record), count, &taken);
    return taken;
  }

  // As pf_try_record_payload.
  pf_status try_record(const Record& record, const void* payload, std::size_t payload_size) noexcept {
    return pf_try_record_payload(get(), &record, sizeof record, payload, payload_size);
  }

 private:
  // Lets the CPU bring lines that a later record fills: the drain's core has had them.
  static void fetch(const unsigned char* entry) noexcept {
    constexpr std::size_t ahead = 16 << 10;
    if (sizeof(Record) > 512) return;  // The CPU sees for itself where a long copy goes.
    for (std::size_t at = 0; at < sizeof(Record); at += 64) __builtin_prefetch(entry + ahead + at, 1);
  }

  static pf_status publish(pf_lane* lane) noexcept {
    lane->tail += lane->stride;
    __atomic_store_n(lane->published, lane->tail, __ATOMIC_RELEASE);
    return PF_OK;
  }

  struct close {
    std::shared_ptr<pf_sink> sink;  // Freed after the producer was closed.

    void operator()(pf_producer* producer) const noexcept { pf_producer_close(producer, nullptr); }
  };
  std::unique_ptr<pf_producer, close> handle_;
};

}  // namespace flow
