/**
 * Where a root credential may be sent. A plan is trusted, but a handle comes from the stored config, which more people
 * may write: on its word alone a root would go to any address. So the root secret itself may name its service, as
 * `{"token":"…","url":"https://gitlab.acme.com"}`, and where it does not, today's plan must name the address.
 */

import type { ProviderContext } from '../core/ports.ts'
import { trimEnd } from '../core/trim-end.ts'
import { httpsProblem } from './https-only.ts'
import { parseObject } from './json.ts'

/** Why the root in a secret must not be sent to a URL, in words; null when it may. `planned`: today's plan says it may. */
export async function placeProblem(
  cx: ProviderContext,
  root: string,
  url: string,
  planned: boolean,
): Promise<string | null> {
  const text = (await cx.readSecret(root)).reveal().trim()
  const pin = text.startsWith('{') ? parseObject(text)['url'] : undefined
  if (pin === undefined) return planned ? null : `neither the plan nor secret ${root} says that its root is for ${url}`
  // Shown only when it is an address: it stands in a secret.
  if (typeof pin !== 'string' || httpsProblem(pin) !== null) return `the url in secret ${root} is no https address`
  return trimEnd(pin, '/') === url
    ? null
    : `secret ${root} says that its root is for ${trimEnd(pin, '/')}, not for ${url}`
}
