// libflow's record path in C++: handles that free themselves, errors that are exceptions.
#pragma once

#include <flow.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

// What a cold libflow call reports: the call, the error class, the message, and the line that classified it.
class FlowError : public std::runtime_error {
 public:
  FlowError(const char* call, const pf_error& error);
};

// How both tables are written.
struct TableOptions {
  std::int32_t codec = PF_CODEC_ZSTD;
  std::uint64_t lane_bytes = 0;  // 0: libflow's default.
};

// A table being captured into one Parquet part: a layout, its sink, and the hot thread's producer.
class Table {
 public:
  // Opens the part; its rows are records of `record_size` bytes with `fields`, followed by a payload if
  // `payload_name` is given. A part of that name from an earlier run is replaced when this one is closed.
  Table(const std::string& path, std::size_t record_size, const std::vector<pf_record_field>& fields,
        const char* payload_name, const TableOptions& options);

  // For pf_try_record and pf_try_record_payload; used by one thread at a time, valid as long as the table.
  pf_producer* producer() const { return producer_; }

  // Captures what is still in the lane and publishes the part. A table that is destroyed without this
  // leaves nothing behind. The result's path is valid as long as the table.
  pf_sink_result close();

 private:
  struct FreeSink {
    void operator()(pf_sink* sink) const { pf_sink_free(sink); }
  };
  std::unique_ptr<pf_sink, FreeSink> sink_;
  pf_producer* producer_ = nullptr;
};
