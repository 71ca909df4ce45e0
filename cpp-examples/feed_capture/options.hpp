// What the command line asks for.
#pragma once

#include <flow.h>

#include <cstdint>
#include <string>

struct Options {
  std::string feed;  // Empty: a generated one.
  std::string out = "capture";
  std::string save_feed;  // Empty: the generated feed is not kept.
  std::uint64_t messages = 5'000'000;
  std::uint64_t seed = 1;
  std::uint64_t rate = 500'000;  // Messages a second; 0: as fast as it goes.
  std::uint64_t repeat = 1;      // How often the feed is captured.
  std::uint64_t lane_mib = 16;
  std::int32_t codec = PF_CODEC_ZSTD;
};

// Exit codes.
inline constexpr int kExitFailed = 1;  // libflow or the operating system refused something.
inline constexpr int kExitBadFeed = 2;
inline constexpr int kExitUsage = 64;

// Reads the command line. Prints the help and exits with 0, or prints what is wrong and exits with
// kExitUsage, where there is nothing to run.
Options parse_options(int argc, char** argv);
