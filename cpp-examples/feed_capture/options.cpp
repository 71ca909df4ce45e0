#include "options.hpp"

#include <getopt.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr char kUsage[] =
    "Usage: feed_capture [FEED] [options]\n"
    "\n"
    "Captures a Nasdaq TotalView-ITCH 5.0 feed into two Parquet tables. FEED is a file of messages, each\n"
    "after its length in two bytes, big-endian. Without FEED a trading day is made up.\n"
    "\n"
    "  DIR/orders.parquet    order-flow messages, decoded: A F E C X D U P Q B\n"
    "  DIR/messages.parquet  every message, as it came\n"
    "\n"
    "Options:\n"
    "  --out DIR         where the tables go; made if missing, tables of an earlier run are\n"
    "                    replaced when this one ends (default: capture)\n"
    "  --rate N|max      messages a second (default: 500000); max replays as fast as it goes,\n"
    "                    and drops what libflow cannot write meanwhile\n"
    "  --repeat N        capture the feed N times, one after the other (default: 1)\n"
    "  --codec NAME      uncompressed, snappy, gzip, lz4_raw or zstd (default)\n"
    "  --lane-mib N      MiB of the buffer between this program and libflow's thread, one for each\n"
    "                    table, 1 to 1024 (default: 16)\n"
    "  --messages N      length of the made-up day, up to 100000000 (default: 5000000)\n"
    "  --seed N          another made-up day (default: 1)\n"
    "  --save-feed FILE  keep the made-up day, in the format of FEED\n"
    "  --help            this\n"
    "\n"
    "Ctrl-C ends the capture early: what was captured is published. Exit code: 0 done, 1 failed,\n"
    "2 the feed is missing or malformed (what came before the fault is published), 64 usage.\n";

struct Codec {
  const char* name;
  std::int32_t number;
};
constexpr Codec kCodecs[] = {
    {"uncompressed", PF_CODEC_UNCOMPRESSED}, {"snappy", PF_CODEC_SNAPPY}, {"gzip", PF_CODEC_GZIP},
    {"lz4_raw", PF_CODEC_LZ4_RAW},           {"zstd", PF_CODEC_ZSTD},
};

[[noreturn]] void refuse(const std::string& what) {
  if (!what.empty()) std::fprintf(stderr, "feed_capture: %s\n", what.c_str());
  std::fputs("Try 'feed_capture --help'.\n", stderr);
  std::exit(kExitUsage);
}

std::uint64_t number(const char* option, const char* text, std::uint64_t least, std::uint64_t most) {
  char* end = nullptr;
  const unsigned long long value = std::strtoull(text, &end, 10);
  // strtoull would take blanks and a minus sign.
  if (*text < '0' || *text > '9' || *end != '\0' || value < least || value > most) {
    refuse(std::string(option) + " " + text + ": give a number from " + std::to_string(least) + " to " +
           std::to_string(most));
  }
  return value;
}

std::int32_t codec(const char* text) {
  for (const Codec& entry : kCodecs) {
    if (std::strcmp(entry.name, text) == 0) return entry.number;
  }
  refuse(std::string("--codec ") + text + ": give uncompressed, snappy, gzip, lz4_raw or zstd");
}

}  // namespace

Options parse_options(int argc, char** argv) {
  static const option kOptions[] = {
      {"out", required_argument, nullptr, 'o'},      {"rate", required_argument, nullptr, 'r'},
      {"repeat", required_argument, nullptr, 'n'},   {"codec", required_argument, nullptr, 'c'},
      {"lane-mib", required_argument, nullptr, 'l'}, {"messages", required_argument, nullptr, 'm'},
      {"seed", required_argument, nullptr, 's'},     {"save-feed", required_argument, nullptr, 'f'},
      {"help", no_argument, nullptr, 'h'},           {nullptr, 0, nullptr, 0},
  };
  Options options;
  bool made_up = false;  // Whether an option is about the made-up day.
  for (int which; (which = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (which) {
      case 'o':
        options.out = optarg;
        break;
      case 'r':
        options.rate = std::strcmp(optarg, "max") == 0 ? 0 : number("--rate", optarg, 1, 1'000'000'000);
        break;
      case 'n':
        options.repeat = number("--repeat", optarg, 1, 1'000'000'000);
        break;
      case 'c':
        options.codec = codec(optarg);
        break;
      case 'l':
        options.lane_mib = number("--lane-mib", optarg, 1, 1024);
        break;
      case 'm':
        options.messages = number("--messages", optarg, 1, 100'000'000);
        made_up = true;
        break;
      case 's':
        options.seed = number("--seed", optarg, 0, UINT64_MAX);
        made_up = true;
        break;
      case 'f':
        options.save_feed = optarg;
        made_up = true;
        break;
      case 'h':
        std::fputs(kUsage, stdout);
        std::exit(0);
      default:
        refuse("");  // getopt_long has said what is wrong.
    }
  }
  if (optind < argc) options.feed = argv[optind++];
  if (optind < argc) refuse(std::string(argv[optind]) + ": only one FEED is captured at a time");
  if (made_up && !options.feed.empty()) refuse("--messages, --seed and --save-feed go without FEED");
  if (options.out.empty()) refuse("--out is empty");
  return options;
}
