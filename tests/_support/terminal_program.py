# Runs a program in a terminal of its own, waits for each text in turn, types or sends a signal, and tells what became of
# it. What TYPED_AHEAD holds is typed before the program reads anything.
#   python3 terminal_program.py '[["WAIT-FOR", "type TEXT"|"signal NUMBER"], …]' PROGRAM ARGUMENTS...
import fcntl, json, os, select, signal, sys, termios

steps = json.loads(sys.argv[1])
command = sys.argv[2:]
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
seen = 0
while True:
    ready, _, _ = select.select([terminal, end], [], [])
    if terminal in ready:
        shown += os.read(terminal, 4096)
    elif end in ready:
        break
    if steps and steps[0][0].encode() in shown[seen:]:
        seen = len(shown)
        what, value = steps.pop(0)[1].split(" ", 1)
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
