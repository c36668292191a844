/** A config as a person may see it: credentials replaced, everything else as it stands. */

/** The fields of an entry that are credentials, in either format. */
const FIELD = /"(auth|password|identitytoken|registrytoken)"(\s*:\s*)"(?:[^"\\]|\\.)*"/gi

/** For ecs.config text that `readStoredConfig` accepted; the state line is shortened, since nobody reads it. */
export function redactConfig(text: string): string {
  return text.replaceAll(FIELD, '"$1"$2"***"').replaceAll(/(# ecs-pull-auth:v1:)[A-Za-z0-9_-]+/g, '$1…')
}
