// New passwords. The daemon counts every try, one with a weak password, too: what can be told here is told before.

/** Why nobody takes that for a password; '' where the daemon is to say. */
export function wrongPassword(password: string, again: string): string {
  if (password !== again) return 'The two passwords differ.'
  return [...password.normalize('NFC')].length < 10 ? 'A password needs at least 10 characters.' : ''
}
