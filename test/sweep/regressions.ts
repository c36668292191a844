/** Schedules that once broke a promise: they are run again on every commit, with what was wrong. */

export const REGRESSIONS: readonly { readonly id: string; readonly was: string }[] = [
  { id: 'h:16.error1', was: 'a promoted version kept its private label, so its credential was never revoked' },
  {
    id: 'h:12.edit+61.stale',
    was: 'a command for an older version ran later, read a stale secret, and lost its credential to the retire',
  },
  { id: 'h:16.twice+74.stale', was: 'the same while the Action waited for the drain' },
  { id: 'h:10.edit', was: 'the same, after an edit that abandoned the scheduled rotation' },
  { id: 'h:2.edit+42.edit', was: 'a version that was promoted and then edited away kept only its private label' },
  { id: 'h:16.reset1+52.edit', was: 'the same, edited after its rollout' },
  {
    id: 'b:43.twice+79.delay',
    was: 'a retire that slept for an hour took the token of a rotation meanwhile for an orphan, and revoked it in use',
  },
  { id: 'd:67.twice+112.delay', was: 'the same with two Actions' },
  {
    id: 'c:13.outage',
    was: 'a rotation that Secrets Manager had given up was waited for by every later Action, and never tried again',
  },
]
