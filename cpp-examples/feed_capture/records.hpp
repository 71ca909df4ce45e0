// The two records that the hot thread hands to libflow, and the layouts that tell libflow what is in them.
//
// A layout names each column, its type, and where it lies in the struct. libflow copies the struct as it
// is on the hot thread, and takes it apart into columns later, on its own.
#pragma once

#include <flow.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "itch.hpp"

// An order-flow message: one that concerns an order or a trade. Those are A F (add), E C (execute),
// X D (cancel, delete), U (replace), P (trade against a hidden order), Q (cross) and B (broken trade).
// I and N tell of interest, not of orders, and are found in messages.parquet, as are the rarely used
// fields: F's attribution, C's printable flag, Q's cross type.
struct OrderRecord {
  std::int64_t receive_time;      // ns since 1970, UTC: when this program read the message.
  std::int64_t exchange_time;     // ns since midnight in New York, as in the feed, which has no date.
  std::uint64_t order_reference;  // The order added, changed or traded; of U, the one replaced; of P, 0.
  std::uint64_t new_reference;    // U: the order that replaces it.
  std::uint64_t match_number;     // The trade, of E C P Q B.
  std::uint64_t shares;           // Added, executed, cancelled or traded.
  std::int64_t price;             // Times 10,000. Signed and wide, so that differences and notionals fit.
  char symbol[8];                 // Padded with spaces. E C X D U B name the symbol by `locate` only.
  std::uint16_t locate;
  std::uint16_t tracking;
  char type;
  char side;              // 'B' or 'S', of A F P.
  std::uint8_t presence;  // A bit for each field that only some types have, see below.
};

// Bits of OrderRecord::presence. A field whose bit is 0 is null.
enum Presence : std::uint8_t {
  kOrderReference = 1 << 0,
  kNewReference = 1 << 1,
  kMatchNumber = 1 << 2,
  kShares = 1 << 3,
  kPrice = 1 << 4,
  kSymbol = 1 << 5,
  kSide = 1 << 6,
};

// Any message: this head, then the message's bytes as the payload.
struct MessageHead {
  std::int64_t receive_time;
  char type;
};

// Fills `record` but for its receive_time. False if the message is no order-flow message.
inline bool decode(const itch::Message& message, OrderRecord& record) {
  record = {};
  switch (message.type()) {
    case 'A':
    case 'F':
    case 'P':
      record.order_reference = message.u64(11);
      record.side = message.letter(19);
      record.shares = message.u32(20);
      std::memcpy(record.symbol, message.text(24), sizeof record.symbol);
      record.price = message.u32(32);
      record.presence = kOrderReference | kSide | kShares | kSymbol | kPrice;
      if (message.type() == 'P') {
        record.match_number = message.u64(36);
        record.presence |= kMatchNumber;
      }
      break;
    case 'E':
    case 'C':
      record.order_reference = message.u64(11);
      record.shares = message.u32(19);
      record.match_number = message.u64(23);
      record.presence = kOrderReference | kShares | kMatchNumber;
      if (message.type() == 'C') {
        record.price = message.u32(32);
        record.presence |= kPrice;
      }
      break;
    case 'X':
      record.order_reference = message.u64(11);
      record.shares = message.u32(19);
      record.presence = kOrderReference | kShares;
      break;
    case 'D':
      record.order_reference = message.u64(11);
      record.presence = kOrderReference;
      break;
    case 'U':
      record.order_reference = message.u64(11);
      record.new_reference = message.u64(19);
      record.shares = message.u32(27);
      record.price = message.u32(31);
      record.presence = kOrderReference | kNewReference | kShares | kPrice;
      break;
    case 'Q':
      record.shares = message.u64(11);
      std::memcpy(record.symbol, message.text(19), sizeof record.symbol);
      record.price = message.u32(27);
      record.match_number = message.u64(31);
      record.presence = kShares | kSymbol | kPrice | kMatchNumber;
      break;
    case 'B':
      record.match_number = message.u64(11);
      record.presence = kMatchNumber;
      break;
    default:
      return false;
  }
  record.exchange_time = static_cast<std::int64_t>(message.timestamp());
  record.locate = message.locate();
  record.tracking = message.tracking();
  record.type = message.type();
  return true;
}

// A column that every record has.
inline pf_record_field required(const char* name, std::int32_t type, std::size_t offset, std::size_t width,
                                const char* timezone = nullptr) {
  pf_record_field field{};
  field.name = name;
  field.type = type;
  field.offset = static_cast<std::uint32_t>(offset);
  field.width = static_cast<std::uint32_t>(width);
  field.null_kind = PF_NULL_NEVER;
  field.timezone = timezone;
  return field;
}

// A column that is null where `bit` of the presence byte is 0. libflow counts bits from the record's start.
inline pf_record_field nullable(const char* name, std::int32_t type, std::size_t offset, std::size_t width,
                                Presence bit) {
  pf_record_field field = required(name, type, offset, width);
  field.null_kind = PF_NULL_BIT;
  field.null_bit = static_cast<std::uint32_t>(8 * offsetof(OrderRecord, presence));
  for (unsigned mask = bit; mask > 1; mask >>= 1) ++field.null_bit;
  return field;
}

// The record's number among those that were offered: those that were dropped are the numbers that are
// missing.
inline pf_record_field sequence() {
  pf_record_field field{};
  field.name = "sequence";
  field.type = PF_STAMP_SEQUENCE;
  return field;
}

// Offset and width of a member, which is all that libflow needs to find it.
#define MEMBER(record, member) offsetof(record, member), sizeof(record::member)

inline std::vector<pf_record_field> order_fields() {
  return {
      sequence(),
      required("receive_time", PF_TYPE_TIMESTAMP_NS, MEMBER(OrderRecord, receive_time), "UTC"),
      required("exchange_time", PF_TYPE_INT64, MEMBER(OrderRecord, exchange_time)),
      required("locate", PF_TYPE_UINT16, MEMBER(OrderRecord, locate)),
      required("tracking", PF_TYPE_UINT16, MEMBER(OrderRecord, tracking)),
      required("type", PF_TYPE_UTF8, MEMBER(OrderRecord, type)),
      nullable("side", PF_TYPE_UTF8, MEMBER(OrderRecord, side), kSide),
      nullable("order_reference", PF_TYPE_UINT64, MEMBER(OrderRecord, order_reference), kOrderReference),
      nullable("new_reference", PF_TYPE_UINT64, MEMBER(OrderRecord, new_reference), kNewReference),
      nullable("shares", PF_TYPE_UINT64, MEMBER(OrderRecord, shares), kShares),
      nullable("price", PF_TYPE_INT64, MEMBER(OrderRecord, price), kPrice),
      nullable("match_number", PF_TYPE_UINT64, MEMBER(OrderRecord, match_number), kMatchNumber),
      nullable("symbol", PF_TYPE_UTF8, MEMBER(OrderRecord, symbol), kSymbol),
  };
}

inline std::vector<pf_record_field> message_fields() {
  return {
      sequence(),
      required("receive_time", PF_TYPE_TIMESTAMP_NS, MEMBER(MessageHead, receive_time), "UTC"),
      required("type", PF_TYPE_UTF8, MEMBER(MessageHead, type)),
  };
}

#undef MEMBER
