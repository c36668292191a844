/** Standard error as lines: a person sees progress on one line that changes. */

import type { Terminal } from './command.ts'

/** Lines of standard error, the last of which may be written over for as long as only progress follows. */
export function errorLines({ err }: Pick<Terminal, 'err'>) {
  let open = false
  const end = () => {
    if (open) err('\n')
    open = false
  }
  return {
    end,
    print(text: string) {
      end()
      err(`${text}\n`)
    },
    replace(text: string) {
      // Back to the beginning, and whatever is there goes away.
      err(`${open ? '\r\u001b[2K' : ''}${text}`)
      open = true
    },
  }
}
