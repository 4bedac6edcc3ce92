# Runs a program in a terminal of its own, waits for a text, types or sends a signal, and tells what became of it. What
# TYPED_AHEAD holds is typed before the program reads anything.
#   python3 terminal_program.py WAIT-FOR "type TEXT"|"signal NUMBER" PROGRAM ARGUMENTS...
import fcntl, json, os, select, signal, sys, termios

wanted, answer, *command = sys.argv[1:]
# The other end is held open, so that the terminal stays when the program has ended, and its settings can be asked for.
terminal, other = os.openpty()
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(other, termios.TIOCSCTTY, 0)
    for stream in (0, 1, 2):
        os.dup2(other, stream)
    os.close(terminal)
    os.close(other)
    os.execvp(command[0], command)
os.write(terminal, os.environ.get("TYPED_AHEAD", "").encode())
signal.alarm(240)
end = os.pidfd_open(pid)
shown = b""
answered = False
while True:
    ready, _, _ = select.select([terminal, end], [], [])
    if terminal in ready:
        shown += os.read(terminal, 4096)
    elif end in ready:
        break
    if not answered and wanted.encode() in shown:
        answered = True
        what, value = answer.split(" ", 1)
        if what == "signal":
            os.kill(pid, int(value))
        else:
            os.write(terminal, value.encode())
status = os.waitpid(pid, 0)[1]
flags = termios.tcgetattr(terminal)[3]
print(json.dumps({
    "shown": shown.decode("utf-8", "replace"),
    "code": os.waitstatus_to_exitcode(status),
    "echoes": bool(flags & termios.ECHO) and bool(flags & termios.ICANON),
}))
