/** One RSA key per process: making it is the dearest thing that a test of signatures does. */

import { generateKeyPairSync, type KeyObject } from 'node:crypto'

let made: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | null = null

export function rsaKey(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  made ??= generateKeyPairSync('rsa', { modulusLength: 2048 })
  return made
}
