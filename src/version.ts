/** The version that user agents, reports and the demo show: set by the build; sources run as `dev`. */

export const VERSION = process.env.ECS_PULL_AUTH_VERSION ?? 'dev'
