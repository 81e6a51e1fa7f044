// Boost.Interprocess.
#include "carrier.h"

#if !defined(BENCH_WITHOUT_PEERS) && __has_include(<boost/interprocess/ipc/message_queue.hpp>)
#include <boost/interprocess/ipc/message_queue.hpp>
#include <string>
#include <unistd.h>

namespace
{

using boost::interprocess::message_queue;

void *open_queue(const shape *shape)
{
    const std::string name = "bench-queue-" + std::to_string(getpid());
    auto *queue = new message_queue(boost::interprocess::create_only, name.c_str(),
                                    shape->capacity / shape->size, shape->size);
    message_queue::remove(name.c_str()); // the mapping is inherited
    return queue;
}

void put(void *handle, const void *data, size_t size)
{
    static_cast<message_queue *>(handle)->send(data, size, 0);
}

void get(void *handle, void *data, size_t size)
{
    message_queue::size_type length;
    unsigned priority;
    static_cast<message_queue *>(handle)->receive(data, size, length, priority);
    require(length == size, "receive");
}

void close_queue(void *handle)
{
    delete static_cast<message_queue *>(handle);
}

} // namespace

const carrier carrier_boost = {"Boost", nullptr, open_queue, nullptr, put, get, close_queue};
#else
static void *not_installed(const shape *)
{
    return nullptr;
}

const carrier carrier_boost = {"Boost", nullptr, not_installed, nullptr, nullptr, nullptr, nullptr};
#endif
