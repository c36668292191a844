/** AWS_CA_BUNDLE: the certificates of a proxy or an endpoint that no public authority has signed, as the AWS CLI reads it. */

import { readFileSync } from 'node:fs'
import { PullAuthError } from '../core/errors.ts'

/** PEM files to trust besides what Node trusts (NODE_EXTRA_CA_CERTS included). Throws USAGE. */
export function caBundle(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const path = env['AWS_CA_BUNDLE']
  if (!path) return []
  try {
    return [readFileSync(path, 'utf8')]
  } catch {
    throw new PullAuthError(
      'USAGE',
      `AWS_CA_BUNDLE names ${path}, which cannot be read.`,
      'Set it to a file of PEM certificates, or remove it.',
    )
  }
}
