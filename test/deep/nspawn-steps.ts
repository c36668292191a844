/** Where a script can be killed: Python tells its audit hooks what it is about to do. */

/**
 * Python that kills its process before the n-th thing that leaves a trace; `withQuestions`: also before each question to
 * systemd or to a server, which takes its time.
 */
export function killBefore(n: number, { withQuestions }: { readonly withQuestions: boolean }): string {
  return `
import os, signal, sys
left = ${n}
questions = ('urllib.Request', 'fcntl.flock') if ${Number(withQuestions)} else ()
def is_step(event, args):
    if event == 'open':
        return isinstance(args[0], str) and args[0] != os.devnull and args[2] & (os.O_WRONLY | os.O_RDWR)
    if event in ('os.remove', 'os.mkdir'):
        return os.path.exists(args[0]) == (event == 'os.remove')
    if event == 'subprocess.Popen':
        return bool(questions) or 'show' not in args[1]
    return event in ('os.rename', 'os.chmod') or event in questions
def hook(event, args):
    global left
    if is_step(event, args):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
`
}
