// The daemon's API (docs/api.md), as the page uses it.

export interface Account { name: string; id: string; device: number }
export interface Lock { by: string; device: number; since: string; until: string; here: boolean }
export interface Lacks { needed: number; missing: string[] }
export type Answer = 'accepted' | 'tentative' | 'declined'
export interface FileInfo {
  /** Of one time of a series alone; '' for a file of the whole event. */
  recurrence_id: string
  name: string; size: number; type: string; root: string; added_by: string; added: string
  held: 'here' | 'fetching' | 'paused' | 'elsewhere'; fetched: number; stored_on: string[]; owed: string[]
}
export interface Times { start: string; end: string; zone: string; all_day: boolean; start_utc: string; end_utc: string }
export interface CalEvent {
  id: string; generation: number; version: number; title: string; info: string; place: string
  /** `color`: a name of CSS, or ''. */
  categories: string[]; color: string
  start: string; end: string; zone: string; all_day: boolean; start_utc: string; end_utc: string
  /** The rule, and in words; '' for what does not repeat. `series`: it has more than one time, of which this is the one of that id ('': all). */
  recurrence: string; repeats: string; series: boolean; recurrence_id: string; next: Times | null
  organizer: string; participants: string[]; declined: string[]
  answers: { name: string; answer: Answer }[]; guests_may: string[]; files: FileInfo[]
  state: 'confirmed' | 'locked' | 'behind' | 'unknown' | 'forked' | 'no_quorum'
  locked_by: string; lock: Lock | null; lacks: Lacks | null; conflicts: string[]
  written_by: string; written: string; stored_on: string[]; owed: string[]
}
export interface Draft {
  title?: string; info?: string; place?: string; categories?: string[]; color?: string; start?: string; end?: string; zone?: string
  all_day?: boolean; participants?: string[]; guests_may?: string[]; recurrence?: string
}
/** Which times of a series a change is made for. */
export type Scope = 'this' | 'following' | 'all'
export interface User { name: string; id: string; online: boolean; friend: boolean }
export interface Friend { name: string; state: 'friend' | 'asked' | 'asks'; online: boolean }
export interface Peer { device: string; users: string[]; roles: string[]; address: string; relayed: boolean }
export interface Finding { what: string; good: boolean; text: string; advice: string }
export interface Status {
  version: string; device: string; network: string; roles: string[]; addresses: string[]; users: string[]
  state: string; rendezvous: string; caught_up: boolean; events: number; files: number; file_bytes: number
  outbox: number; edges: number; uptime_seconds: number
}
export interface FieldChange { field: string; before: unknown; after: unknown }
export interface Version {
  generation: number; version: number; what: 'created' | 'changed' | 'deleted' | 'brought_back'
  by: string; device: number; written: string; until: string | null; readable: boolean; title: string; changes: FieldChange[]
}
export interface Deleted {
  id: string; title: string; place: string; start: string; end: string; zone: string; all_day: boolean
  start_utc: string; end_utc: string; organizer: string; deleted_by: string; deleted: string; until: string
}
/** When this user wants to be reminded of an event: so many minutes before each start, and at these times. */
export interface ReminderTimes { minutes: number[]; at: string[] }
export interface Reminder extends Times { at: string; minutes: number | null; id: string; title: string; place: string; recurrence_id: string }
/** `busy` is null where it is not known, and `why` says why not. */
export interface Busy { name: string; known: boolean; why: string; busy: { start: string; end: string }[] | null }
export interface OpenEvent extends Times { id: string; title: string; place: string; link: string; joined: boolean }
/** `events` is null where it is not known, and `why` says why not. */
export interface OpenList { name: string; why: string; events: OpenEvent[] | null }
/** A request to take part in an open event: it waits for `why`, unless `joined`. */
export interface Join { id: string; organizer: string; joined: boolean; why: string }
export interface Change { number: number; what: string; id: string; by: string; text: string; at: string }
export interface Session { user: Account | null; version: string }
/** What a refused edit is answered with, beside the problem. */
export interface Meeting {
  current?: CalEvent; base?: CalEvent; mergeable?: boolean
  fields?: { mine: string[]; theirs: string[]; both: string[] }
}

/** A refusal. `code` is a word of docs/api.md, or "unreachable" when the daemon did not answer at all. */
export class Problem extends Error {
  constructor(readonly status: number, readonly code: string, detail: string, readonly body: Meeting & Partial<Lacks> = {}) {
    super(detail)
  }
}

const unreachable = () => new Problem(0, 'unreachable', 'calboxd on this machine does not answer')

export function problemOf(why: unknown): Problem {
  return why instanceof Problem ? why : new Problem(0, 'internal', String(why))
}

function refusal(status: number, text: string): Problem {
  try {
    const body = JSON.parse(text)
    return new Problem(status, String(body.code ?? 'internal'), String(body.detail ?? 'it was refused'), body)
  } catch {
    return new Problem(status, 'internal', `the daemon answered with ${status}`)
  }
}

const marks = { 'Calbox-Page': '1' } // no other site can make a browser send it

export async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {},
                          signal?: AbortSignal): Promise<Response> {
  const sent: RequestInit = { method, headers: { ...marks, ...headers }, credentials: 'same-origin' }
  if (signal) sent.signal = signal
  if (body !== undefined) {
    sent.body = JSON.stringify(body)
    sent.headers = { ...sent.headers, 'Content-Type': 'application/json' }
  }
  let answer: Response
  try {
    answer = await fetch(path, sent)
  } catch {
    throw unreachable()
  }
  if (!answer.ok) throw refusal(answer.status, await answer.text())
  return answer
}

export async function call<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T> {
  const answer = await ask(method, path, body, headers)
  return answer.status === 204 ? (undefined as T) : ((await answer.json()) as T)
}

export const get = <T>(path: string) => call<T>('GET', path)

export function eventPath(id: string, ...more: string[]): string {
  return ['/v1/events', ...id.split('/').map(encodeURIComponent), ...more.map(encodeURIComponent)].join('/')
}

/** Where a change of what is shown goes: of one time of a series, for these times. */
export function changePath(one: CalEvent, scope: Scope, more: Record<string, string> = {}): string {
  const query = new URLSearchParams({ ...(one.recurrence_id ? { recurrence_id: one.recurrence_id, scope } : {}), ...more }).toString()
  return eventPath(one.id) + (query ? `?${query}` : '')
}

/** Tells one time of a series from the others; of other events the id. */
export const keyOf = (one: Pick<CalEvent, 'id' | 'recurrence_id'>) => (one.recurrence_id ? `${one.id}@${one.recurrence_id}` : one.id)
/** The event that a key is of. */
export const idOf = (key: string) => key.split('@')[0]!

export const tag = (one: { generation: number; version: number }) => `"${one.generation}-${one.version}"`

/** Of a file; without a name, of those that come together. */
export const filePath = (id: string, file: { name?: string; recurrence_id?: string }, ...more: string[]) =>
  eventPath(id, 'files', ...(file.name ? [file.name] : []), ...more) + (file.recurrence_id ? `?recurrence_id=${encodeURIComponent(file.recurrence_id)}` : '')

/** Sends a file's bytes, or several files as a form; `progress` is told how many of how many bytes have gone. */
export function upload<T>(method: string, path: string, body: File | FormData, progress: (sent: number, all: number) => void, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open(method, path)
    request.setRequestHeader('Calbox-Page', '1')
    if (body instanceof File) request.setRequestHeader('Content-Type', /^[\w.+-]+\/[\w.+-]+$/.test(body.type) ? body.type : 'application/octet-stream')
    request.upload.onprogress = (step) => progress(step.loaded, step.total)
    request.onload = () =>
      request.status < 300 ? resolve(JSON.parse(request.responseText)) : reject(refusal(request.status, request.responseText))
    request.onerror = () => reject(unreachable())
    request.onabort = reject
    signal.addEventListener('abort', () => request.abort())
    request.send(body)
  })
}

/** Server-sent events of an answer: `take` gets the id and the data of each; comments have an empty id and no data. */
export async function stream(answer: Response, take: (id: string, data: string, comment: string) => void): Promise<void> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
  let rest = '', id = '', data = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const lines = (rest + value).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      if (line.startsWith(':')) take('', '', line.slice(1).trim())
      else if (line.startsWith('id:')) id = line.slice(3).trim()
      else if (line.startsWith('data:')) data += line.slice(5).trim()
      else if (line === '' && data) {
        take(id, data, '')
        id = data = ''
      }
    }
  }
}
