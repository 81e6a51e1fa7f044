// The same with Boost.Interprocess' message_queue, whose lock nobody takes over from the dead.
#include <boost/interprocess/ipc/message_queue.hpp>
#include <string>

#include "survivors.h"

using boost::interprocess::message_queue;

static message_queue *queue;

static void make_queue()
{
    const std::string name = "victim-boost-queue-" + std::to_string(getpid());

    queue = new message_queue(boost::interprocess::create_only, name.c_str(), 4, SIZE);
    message_queue::remove(name.c_str()); // the mapping is inherited
}

// The functions to step through, by a name that is not mangled.
extern "C" {
__attribute__((noinline)) void boost_put(const char *message)
{
    queue->send(message, SIZE, 0);
}

__attribute__((noinline)) void boost_get(char *ret_message)
{
    message_queue::size_type length;
    unsigned priority;

    queue->receive(ret_message, SIZE, length, priority);
}
}

static void put_message(const char *message)
{
    boost_put(message);
}

static void get_message(char *ret_message)
{
    boost_get(ret_message);
}
