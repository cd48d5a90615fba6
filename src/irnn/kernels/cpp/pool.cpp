// A pool of threads for pieces of work of about a millisecond, often and soon after one another:
// an idle worker watches for the next piece a short while, then sleeps.
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <thread>

#include "call.hpp"

namespace irnn {
namespace {

#ifdef IRNN_X86
// Rounding and flush-to-zero follow the calling thread, so that who computes a row cannot matter.
unsigned float_mode() { return __builtin_ia32_stmxcsr(); }
void set_float_mode(unsigned mode) { __builtin_ia32_ldmxcsr(mode); }
void pause() { __builtin_ia32_pause(); }
#else
unsigned float_mode() { return 0; }
void set_float_mode(unsigned) {}
void pause() {}
#endif

// About the time a training step spends between two calls of the kernel.
constexpr auto watch_time = std::chrono::microseconds(200);

struct Job {
    Work work;
    void *context;
    Index tasks;
    int helpers;
    unsigned mode;
};

class Pool {
  public:
    std::mutex in_use;

    void run(int threads, const Job &job) {
        job_ = job;
        job_.helpers = start_helpers(threads - 1);
        next_.store(0, std::memory_order_relaxed);
        generation_ += 1;
        state_.store(generation_ << generation_shift | open_bit);
        if (sleepers_.load() > 0) {
            std::lock_guard<std::mutex> guard(sleep_mutex_);
            wake_.notify_all();
        }
        take_tasks(0);
        // Nobody may enter any more; a worker too late to help is not waited for.
        state_.fetch_and(~open_bit);
        for (int turn = 0; state_.load(std::memory_order_acquire) & inside_mask; ++turn) {
            if (turn < 2000) pause();
            else std::this_thread::yield();
        }
    }

  private:
    // One word tells which job it is, whether it may be entered, and how many workers are inside.
    static constexpr std::uint64_t inside_mask = 0xffff, open_bit = 0x10000;
    static constexpr int generation_shift = 17;

    int start_helpers(int wanted) {
        try {
            for (; helpers_ < wanted; ++helpers_)
                std::thread(&Pool::help, this, helpers_ + 1).detach();
        } catch (const std::system_error &) {
            // The system gives no more threads: those there are do the work, to the same result.
        }
        return helpers_ < wanted ? helpers_ : wanted;
    }

    void take_tasks(int worker) {
        for (Index task; (task = next_.fetch_add(1, std::memory_order_relaxed)) < job_.tasks;)
            job_.work(job_.context, task, worker);
    }

    std::uint64_t await(std::uint64_t seen) {
        const auto give_up = std::chrono::steady_clock::now() + watch_time;
        for (unsigned turn = 1;; ++turn) {
            const std::uint64_t state = state_.load(std::memory_order_acquire);
            if (state >> generation_shift != seen) return state;
            pause();
            if (turn % 64 == 0 && std::chrono::steady_clock::now() > give_up) break;
        }
        std::unique_lock<std::mutex> lock(sleep_mutex_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return state_.load() >> generation_shift != seen; });
        sleepers_.fetch_sub(1);
        return state_.load();
    }

    void help(int worker) {
        for (std::uint64_t seen = 0;;) {
            std::uint64_t state = await(seen);
            seen = state >> generation_shift;
            while ((state & open_bit) && state >> generation_shift == seen) {
                if (!state_.compare_exchange_weak(state, state + 1)) continue;
                if (worker <= job_.helpers) {
                    set_float_mode(job_.mode);
                    take_tasks(worker);
                }
                state_.fetch_sub(1, std::memory_order_release);
                break;
            }
        }
    }

    Job job_{};
    std::uint64_t generation_ = 0;
    int helpers_ = 0;
    std::atomic<Index> next_{0};
    std::atomic<std::uint64_t> state_{0};
    std::atomic<int> sleepers_{0};
    std::mutex sleep_mutex_;
    std::condition_variable wake_;
};

// Never destroyed: its threads may outlive every static object. Made anew after a fork, because
// threads do not survive one.
std::atomic<Pool *> pool{nullptr};

Pool &the_pool() {
    Pool *there = pool.load();
    if (there) return *there;
    static std::once_flag once;
    std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { pool.store(nullptr); }); });
    Pool *fresh = new Pool;
    if (pool.compare_exchange_strong(there, fresh)) return *fresh;
    delete fresh;
    return *there;
}

}  // namespace

void parallel(int threads, Index tasks, Work work, void *context) {
    if (threads > 1 && tasks > 1) {
        Pool &shared = the_pool();
        std::unique_lock<std::mutex> lock(shared.in_use, std::try_to_lock);
        if (lock) {
            shared.run(threads, Job{work, context, tasks, 0, float_mode()});
            return;
        }
    }
    for (Index task = 0; task < tasks; ++task) work(context, task, 0);
}

}  // namespace irnn
