#include "capture.hpp"

namespace {

std::string describe(const char* call, const pf_error& error) {
  return std::string(call) + ": " + pf_status_name(error.status) + ": " + error.message + " (" + error.file +
         ":" + std::to_string(error.line) + ")";
}

// Throws if `status` is an error; states, which are above 0, are none.
void check(const char* call, pf_status status, const pf_error& error) {
  if (status < 0) throw FlowError(call, error);
}

struct FreeLayout {
  void operator()(pf_record_layout* layout) const { pf_record_layout_free(layout); }
};

}  // namespace

FlowError::FlowError(const char* call, const pf_error& error) : std::runtime_error(describe(call, error)) {}

Table::Table(const std::string& path, std::size_t record_size, const std::vector<pf_record_field>& fields,
             const char* payload_name, const TableOptions& options) {
  pf_error error = PF_ERROR_INIT;

  pf_record_layout* new_layout = nullptr;
  check("pf_record_layout_new",
        pf_record_layout_new(static_cast<std::uint32_t>(record_size), fields.data(), fields.size(),
                             sizeof(pf_record_field), payload_name, &new_layout, &error),
        error);
  // The sink keeps what it needs of the layout, so it may go when the table is open.
  const std::unique_ptr<pf_record_layout, FreeLayout> layout(new_layout);

  pf_writer_options writer_options = PF_WRITER_OPTIONS_INIT;
  writer_options.codec = options.codec;
  writer_options.if_exists = PF_IF_EXISTS_REPLACE;
  pf_sink_options sink_options = PF_SINK_OPTIONS_INIT;
  sink_options.lane_bytes = options.lane_bytes;

  pf_sink* sink = nullptr;
  check("pf_sink_open",
        pf_sink_open(path.c_str(), layout.get(), &writer_options, &sink_options, &sink, &error), error);
  sink_.reset(sink);
  check("pf_producer_open", pf_producer_open(sink, nullptr, &producer_, &error), error);
}

pf_sink_result Table::close() {
  pf_error error = PF_ERROR_INIT;
  pf_sink_result result = PF_SINK_RESULT_INIT;
  check("pf_sink_close", pf_sink_close(sink_.get(), &result, &error), error);
  return result;
}
