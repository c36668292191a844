/** Runs a process on a terminal of its own and answers its questions, as a person would. */

import { runProcess } from './run-process.ts'

export interface Conversation {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** What is typed when a text has appeared; each is waited for after the one before. `\u0003` is Ctrl-C, `\u0004` the end. */
  readonly answers?: readonly (readonly [asked: string, answer: string])[]
}

/** The terminal is Python's: Node has none. Waits for each question, then for the end. */
const PTY = `
import json, os, pty, sys
order = json.load(sys.stdin)
pid, terminal = pty.fork()
if pid == 0:
    os.chdir(order['cwd'])
    os.execve(order['argv'][0], order['argv'], order['env'])
said, answers = b'', list(order['answers'])
while True:
    try:
        part = os.read(terminal, 65536)
    except OSError:
        break
    if not part:
        break
    said += part
    sys.stdout.buffer.write(part)
    while answers and answers[0][0].encode() in said:
        said = said.split(answers[0][0].encode(), 1)[1]
        os.write(terminal, answers.pop(0)[1].encode())
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

/** Both streams as the terminal shows them. */
export async function converse({
  argv,
  cwd,
  env,
  answers = [],
}: Conversation): Promise<{ exitCode: number; shown: string }> {
  const order = JSON.stringify({ argv, cwd, env: { TERM: 'xterm', ...env }, answers })
  const { exitCode, stdout, stderr } = await runProcess({
    argv: ['/usr/bin/env', 'python3', '-c', PTY],
    cwd,
    // Not as an argument: the environment holds credentials, and everybody can read a command line.
    input: order,
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' },
  })
  return { exitCode, shown: (stdout + stderr).replaceAll('\r\n', '\n') }
}
