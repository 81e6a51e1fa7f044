#include "cli/stage.h"

#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/guard.h"
#include "cli/terminal.h"

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

bool pf_stage_has_keys(void)
{
    return isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

/* A size that cannot be told is that of a VT100. */
static void measure(struct pf_stage *stage)
{
    enum { WIDTH = 80, HEIGHT = 24, MOST = 1000 };
    struct winsize size = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row;
    stage->style.width = known ? size.ws_col : stage->waits ? WIDTH : pf_terminal_width(STDOUT_FILENO);
    stage->style.height = known ? size.ws_row : HEIGHT;
    if (stage->style.width > MOST)
        stage->style.width = MOST;
    if (stage->style.height > MOST)
        stage->style.height = MOST;
    const char *terminal = getenv("TERM");
    stage->draws = stage->waits && terminal && *terminal && strcmp(terminal, "dumb") != 0 &&
                   stage->style.width >= PF_SCREEN_WIDTH_LEAST &&
                   stage->style.height >= PF_SCREEN_HEIGHT_LEAST;
    if (stage->style.width < PF_SCREEN_WIDTH_LEAST)
        stage->style.width = PF_SCREEN_WIDTH_LEAST;
}

/* A signal that the caller had set to be ignored stays ignored. */
static int open_signals(struct pf_stage *stage, struct pf_error *error)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < NUMBERS; i++) {
        struct sigaction action;
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &set, &stage->mask);
    stage->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (stage->signals >= 0)
        return 0;
    int code = errno;
    sigprocmask(SIG_SETMASK, &stage->mask, NULL);
    return pf_error_set(error, -code, "no signalfd: %s", strerror(code));
}

static void take_keys(struct pf_stage *stage)
{
    struct termios ours = stage->before;
    ours.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    ours.c_cc[VMIN] = 1;
    ours.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &ours);
}

int pf_stage_enter(struct pf_stage *ret_stage, struct pf_error *error)
{
    struct pf_stage stage = {.waits = isatty(STDOUT_FILENO), .signals = -1};
    stage.style.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    stage.style.ink = pf_ink(pf_terminal_colour(STDOUT_FILENO));
    measure(&stage);
    stage.keys = stage.waits && pf_stage_has_keys() && tcgetattr(STDIN_FILENO, &stage.before) == 0;
    int r = open_signals(&stage, error);
    if (r < 0)
        return r;
    if (stage.keys) {
        r = pf_guard_start(STDIN_FILENO, &stage.before, &stage.watcher);
        if (r < 0) {
            close(stage.signals);
            sigprocmask(SIG_SETMASK, &stage.mask, NULL);
            return pf_error_set(error, r, "no process to guard the terminal: %s", strerror(-r));
        }
        take_keys(&stage);
    }
    *ret_stage = stage;
    return 0;
}

static bool write_all(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(STDOUT_FILENO, text, length);
        if (n < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, -1);
        else if (n < 0 && errno != EINTR)
            return false;
        else if (n > 0) {
            text += n;
            length -= (size_t)n;
        }
    }
    return true;
}

bool pf_stage_write(struct pf_stage *stage, const struct pf_screen *lines)
{
    (void)stage;
    for (size_t i = 0; i < lines->count; i++) {
        fputs(lines->lines[i], stdout);
        fputc('\n', stdout);
    }
    return fflush(stdout) == 0;
}

/* What stood on the screen goes up into the terminal's memory, and is not lost. */
static void make_room(const struct pf_stage *stage, FILE *out)
{
    for (int i = 0; i < stage->style.height; i++)
        fputs("\r\n", out);
}

/* One write, at whose end the cursor is at rest below what was drawn. */
bool pf_stage_draw(struct pf_stage *stage, const struct pf_screen *screen)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    if (!stage->is_drawn)
        make_room(stage, out);
    stage->is_drawn = true;
    fputs("\033[H", out);
    for (size_t i = 0; i < screen->count; i++)
        fprintf(out, "%s\033[K%s", screen->lines[i], i + 1 < screen->count ? "\r\n" : "");
    fputs("\033[J", out);
    fclose(out);
    bool written = write_all(text, size);
    free(text);
    return written;
}

static void put_back(struct pf_stage *stage)
{
    if (stage->keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &stage->before);
    if (stage->is_drawn)
        write_all("\r\n", 2);
    stage->is_drawn = false;
}

void pf_stage_leave(struct pf_stage *stage)
{
    put_back(stage);
    pf_guard_end(stage->watcher);
    stage->watcher = 0;
    close(stage->signals);
    sigprocmask(SIG_SETMASK, &stage->mask, NULL);
}

/* Ctrl-Z: the terminal belongs to the shell until it says fg. */
static void stop(struct pf_stage *stage)
{
    put_back(stage);
    kill(getpid(), SIGSTOP);
    if (stage->keys)
        take_keys(stage);
    measure(stage);
}

static enum pf_stage_news take_signal(struct pf_stage *stage)
{
    struct signalfd_siginfo info;
    if (read(stage->signals, &info, sizeof(info)) != sizeof(info))
        return PF_STAGE_TIME;
    switch ((int)info.ssi_signo) {
    case SIGTSTP:
        stop(stage);
        return PF_STAGE_REDRAW;
    case SIGCONT: /* of a SIGSTOP by others, after which a shell has put its own modes back */
        if (stage->keys)
            take_keys(stage);
        measure(stage);
        return PF_STAGE_REDRAW;
    case SIGWINCH:
        measure(stage);
        if (stage->is_drawn)
            write_all("\033[H\033[J", 6);
        return PF_STAGE_REDRAW;
    default:
        stage->ended_by = (int)info.ssi_signo;
        return PF_STAGE_QUIT;
    }
}

static enum pf_stage_news take_key(struct pf_stage *stage)
{
    char key;
    ssize_t n = read(STDIN_FILENO, &key, 1);
    if (n <= 0) {
        stage->keys = n < 0 && (errno == EINTR || errno == EAGAIN); /* the terminal has gone */
        return stage->keys ? PF_STAGE_TIME : PF_STAGE_QUIT;
    }
    switch (key) {
    case ' ':
    case '\n':
    case '\r':
        return PF_STAGE_NEXT;
    case 'p':
    case 'P':
        return PF_STAGE_TOGGLE;
    case 'q':
    case 'Q':
    case '\004': /* Ctrl-D */
        return PF_STAGE_QUIT;
    default:
        return PF_STAGE_TIME;
    }
}

enum pf_stage_news pf_stage_wait(struct pf_stage *stage, int fd, int ms)
{
    struct pollfd sources[] = {{.fd = stage->signals, .events = POLLIN},
                               {.fd = stage->keys ? STDIN_FILENO : -1, .events = POLLIN},
                               {.fd = fd, .events = POLLIN}};
    if (poll(sources, 3, ms) <= 0)
        return PF_STAGE_TIME;
    if (sources[0].revents)
        return take_signal(stage);
    if (sources[1].revents)
        return take_key(stage);
    return PF_STAGE_READY;
}
