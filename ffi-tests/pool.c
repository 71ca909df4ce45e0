/* The encode pool: what it can be set up with and when, what its threads are, what it counts. */
#define _GNU_SOURCE

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "expected.h"

static const pf_field field = PF_FIELD("number", PF_TYPE_INT64, PF_FIELD_REQUIRED);

#define ROWS 5000
static int64_t numbers[ROWS];

static pf_status append(pf_writer *writer, uint64_t rows) {
  pf_column_slice slice = PF_VALUES(numbers, rows, NULL);
  pf_row_chunk chunk = PF_ROW_CHUNK(&slice, 1);
  return pf_append_row_chunk(writer, &chunk, &err);
}

/* A process may end with writers open and work queued: it does not wait for that, and nothing has its final
   name. */
static void exit_with_open_writers(void) {
  const char *path = path_of("exit.parquet");
  fflush(NULL);
  pid_t pid = fork(); /* before libflow is used */
  CHECK(pid >= 0);
  if (pid == 0) {
    pf_writer_options options = PF_WRITER_OPTIONS_INIT;
    options.window_rows = 100;
    options.codec_level = 22;
    pf_writer *writer = open_column(path, &field, &options);
    for (uint64_t again = 0; again < scaled(200); again++) {
      CHECK_OK(append(writer, ROWS));
      CHECK_OK(pf_flush(writer, &err));
    }
    CHECK_OK(append(writer, ROWS));
    alarm(60); /* or else it is no exit */
    exit(0);
  }
  int status = 0;
  CHECK(waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(!exists(path) && remove(path_of("exit.parquet.tmp")) == 0);
}

static void refused_options(void) {
  pf_pool_options options = PF_POOL_OPTIONS_INIT;
  options.threads = 1025;
  CHECK_INVALID(pf_pool_configure(&options, &err));
  CHECK_SAYS("1025");
  options = (pf_pool_options)PF_POOL_OPTIONS_INIT;
  options.stack_bytes = 1000;
  CHECK_INVALID(pf_pool_configure(&options, &err));
  CHECK_SAYS("1000");
  options = (pf_pool_options)PF_POOL_OPTIONS_INIT;
  options.cpu_count = 1;
  CHECK_INVALID(pf_pool_configure(&options, &err)); /* cpus is NULL */
  const uint32_t no_cpu = 123456;
  options.cpus = &no_cpu;
  CHECK_INVALID(pf_pool_configure(&options, &err));
  CHECK_SAYS("123456");
  options.cpu_count = UINT64_MAX;
  CHECK_INVALID(pf_pool_configure(&options, &err));
  options = (pf_pool_options)PF_POOL_OPTIONS_INIT;
  options.struct_size = 4;
  CHECK_INVALID(pf_pool_configure(&options, &err));
  CHECK_INVALID(pf_pool_options_get(&options, &err));
  CHECK_INVALID(pf_pool_options_get(NULL, &err));
}

/* CPUs that this process may use. */
static cpu_set_t cpus(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
  return set;
}

/* One of them. */
static uint32_t some_cpu(void) {
  const cpu_set_t set = cpus();
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--)
    if (CPU_ISSET(cpu, &set)) return (uint32_t)cpu;
  CHECK(!"a CPU");
  return 0;
}

static void configure(uint32_t cpu) {
  pf_pool_options options = PF_POOL_OPTIONS_INIT, set = PF_POOL_OPTIONS_INIT;
  pf_stats stats = PF_STATS_INIT;
  const cpu_set_t usable = cpus();
  CHECK_OK(pf_pool_options_get(&set, &err)); /* the defaults */
  CHECK(set.threads == (uint32_t)CPU_COUNT(&usable) && set.stack_bytes == 2 << 20 && set.cpus == NULL);
  CHECK(set.cpu_count == 0 && set.max_bytes == 1 << 30);
  options.threads = 7;
  CHECK_OK(pf_pool_configure(&options, &err));
  CHECK_OK(pf_pool_options_get(&set, &err));
  CHECK(set.threads == 7);
  CHECK_OK(pf_pool_configure(NULL, &err)); /* the defaults again */
  CHECK_OK(pf_pool_options_get(&set, &err));
  CHECK(set.threads != 7);

  options.threads = 3;
  options.stack_bytes = 256 << 10;
  options.cpus = &cpu;
  options.cpu_count = 1;
  options.max_bytes = 1 << 20;
  CHECK_OK(pf_pool_configure(&options, &err));
  for (int again = 0; again < 2; again++) {
    CHECK_OK(pf_pool_options_get(&set, &err));
    CHECK(set.threads == 3 && set.stack_bytes == 256 << 10 && set.max_bytes == 1 << 20);
    CHECK(set.cpu_count == 1 && set.cpus[0] == cpu && set.cpus != &cpu);
  }
  CHECK_OK(pf_pool_stats(&stats, &err)); /* nothing runs yet */
  CHECK(stats.threads == 0 && stats.writers == 0 && stats.rows == 0 && stats.bytes_max == 0);
}

/* The value after `key` in a file of /proc. */
static void read_value(const char *path, const char *key, char *value, size_t size) {
  char line[512];
  FILE *file = fopen(path, "r");
  value[0] = '\0';
  if (file == NULL) return; /* the thread has ended */
  while (fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, key, strlen(key)) == 0) {
      snprintf(value, size, "%s", line + strlen(key) + strspn(line + strlen(key), " \t"));
      value[strcspn(value, "\n")] = '\0';
    }
  fclose(file);
}

/* Threads that have their name and their CPU: both are set once they run. */
static unsigned workers_on(const char *cpu) {
  char path[512], name[64], cpus[256], blocked[64];
  unsigned workers = 0;
  DIR *tasks = opendir("/proc/self/task");
  CHECK(tasks != NULL);
  for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
    if (task->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
    read_value(path, "Name:", name, sizeof name);
    read_value(path, "Cpus_allowed_list:", cpus, sizeof cpus);
    read_value(path, "SigBlk:", blocked, sizeof blocked);
    if (strncmp(name, "flow-encode-", 12) != 0 || strcmp(cpus, cpu) != 0) continue;
    workers++;
    if (getenv("FLOW_SMALL") != NULL) continue; /* valgrind has masks of its own */
    const unsigned long long mask = strtoull(blocked, NULL, 16);
    CHECK((mask >> (15 - 1) & 1) == 1 && (mask >> (11 - 1) & 1) == 0); /* SIGTERM, SIGSEGV */
  }
  closedir(tasks);
  return workers;
}

static void threads_are_named_and_pinned(uint32_t cpu) {
  char text[16];
  snprintf(text, sizeof text, "%u", (unsigned)cpu);
  while (workers_on(text) < 3) sched_yield();
  CHECK(workers_on(text) == 3);
}

static void *close_it(void *writer) { return pf_close(writer, NULL, NULL) == PF_OK ? writer : NULL; }

/* The queue takes one batch at a time; now and then it is encoded before the next comes. */
static void blocked_time_is_counted(void) {
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.window_rows = 500;
  options.queue_bytes = 1;
  pf_writer *writer = open_column(path_of("blocked.parquet"), &field, &options);
  pf_stats stats = PF_STATS_INIT;
  for (int i = 0; i < 1000 && stats.blocked_ns == 0; i++) {
    CHECK_OK(append(writer, ROWS));
    CHECK_OK(pf_writer_stats(writer, &stats, &err));
  }
  CHECK(stats.blocked_ns > 0);
  pf_writer_free(writer);
}

static void numbers_add_up(uint32_t cpu) {
  const char *path = path_of("stats.parquet");
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.row_group_rows = 1000;
  options.window_rows = 500;
  options.queue_bytes = 1;
  pf_writer *writer = open_column(path, &field, &options);
  pf_stats stats = PF_STATS_INIT, pool = PF_STATS_INIT;
  CHECK_STATUS(pf_pool_configure(NULL, &err), PF_ERR_CONFLICT);
  CHECK_SAYS("before");
  threads_are_named_and_pinned(cpu);
  CHECK_OK(pf_writer_stats(writer, &stats, &err));
  CHECK(stats.threads == 3 && stats.writers == 1 && stats.bytes_max == 1 && stats.rows == 0);

  for (int i = 0; i < 4; i++) CHECK_OK(append(writer, ROWS));
  CHECK_OK(append(writer, 7));
  CHECK_OK(pf_writer_stats(writer, &stats, &err));
  CHECK(stats.rows == 4 * ROWS && stats.batches == 40); /* 7 are in the window */
  CHECK(stats.bytes_in >= 8 * stats.rows && stats.batches_queued + stats.batches_in_flight <= 40);
  CHECK(stats.encode_ns > 0);

  pthread_t closer;
  void *closed = NULL;
  CHECK(pthread_create(&closer, NULL, close_it, writer) == 0);
  do { /* while it closes */
    CHECK_OK(pf_writer_stats(writer, &stats, &err));
  } while (stats.rows_written < 4 * ROWS + 7);
  CHECK(pthread_join(closer, &closed) == 0 && closed == writer);
  CHECK_OK(pf_writer_stats(writer, &stats, &err));
  CHECK(stats.rows == 4 * ROWS + 7 && stats.row_groups == 21 && stats.batches == 41);
  CHECK(stats.batches_queued == 0 && stats.batches_in_flight == 0 && stats.bytes_in_flight == 0);
  CHECK(stats.bytes_written == file_size(path) && stats.write_ns > 0 && stats.bytes_high_water > 0);
  CHECK_OK(pf_pool_stats(&pool, &err));
  CHECK(pool.threads == 3 && pool.writers == 0 && pool.bytes_max == 1 << 20);
  CHECK(pool.rows == stats.rows && pool.rows_written == stats.rows && pool.row_groups == 21);
  CHECK(pool.bytes_written == stats.bytes_written && pool.encode_ns == stats.encode_ns);
  CHECK(pool.blocked_ns == stats.blocked_ns);

  pf_stats wrong = PF_STATS_INIT;
  wrong.struct_size = 8;
  CHECK_INVALID(pf_writer_stats(writer, &wrong, &err));
  CHECK_INVALID(pf_writer_stats(writer, NULL, &err));
  CHECK_INVALID(pf_writer_stats(NULL, &stats, &err));
  CHECK_INVALID(pf_pool_stats(&wrong, &err));
  CHECK_INVALID(pf_pool_stats(NULL, &err));
  CHECK(wrong.rows == 0);
  pf_writer_free(writer);
  CHECK_STATUS(pf_writer_stats(writer, &stats, &err), PF_ERR_STALE_HANDLE);

  expected to = expect_begin(path, &field, 1, 21, false, false);
  for (int row = 0; row < 4 * ROWS + 7; row++) expect_value(&to, &numbers[row % ROWS], sizeof *numbers);
  expect_end(&to);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  for (int row = 0; row < ROWS; row++) numbers[row] = (int64_t)row * row;
  exit_with_open_writers();
  const uint32_t cpu = some_cpu();
  refused_options();
  configure(cpu);
  numbers_add_up(cpu);
  blocked_time_is_counted();
  return test_end();
}
