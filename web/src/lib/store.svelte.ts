// What the page knows, kept up to date by the daemon's stream of changes. One for the page.
import {
  ask, eventPath, get, idOf, keyOf, call, Problem, problemOf, stream,
  type Account, type CalEvent, type Change, type Friend, type Join, type Session, type Status, type User,
} from './api'
import { takeReminders } from './remind'
import { addDays, span, utc, zones } from './when'

/** `stays`: until somebody dismisses it. */
export interface Toast { id: number; text: string; bad: boolean; stays: boolean; action?: { label: string; run: () => void } }
export type View = 'home' | 'calendar' | 'events' | 'people' | 'trash' | 'status'
export type Grid = 'dayGridMonth' | 'timeGridWeek' | 'timeGridDay' | 'listMonth'

const views: View[] = ['home', 'calendar', 'events', 'people', 'trash', 'status']
const nearDays = 45 // a month as the calendar shows it, and more
const silenceMs = 45_000 // the stream says something every 15 s
const pauseMinMs = 300, pauseMaxMs = 5_000

class Store {
  /** undefined: not known yet; null: nobody is signed in here. */
  session = $state.raw<Session | null | undefined>(undefined)
  events = $state.raw(new Map<string, CalEvent>())
  /** Of series, each time in the range that the calendar shows and in the next month; by keyOf. */
  times = $state.raw(new Map<string, CalEvent>())
  users = $state.raw<User[]>([])
  friends = $state.raw<Friend[]>([])
  status = $state.raw<Status | null>(null)
  /** The stream of changes is open. */
  live = $state(false)
  lastSeen = $state.raw<Date | null>(null)
  loaded = $state(false)
  now = $state.raw(new Date())
  view = $state<View>('home')
  grid = $state<Grid>(matchMedia('(max-width: 760px)').matches ? 'timeGridDay' : 'timeGridWeek')
  /** The day that the calendar shows. */
  day = $state.raw(new Date())
  search = $state('')
  /** The calendar shows only what has this category, in small letters; '': everything. */
  category = $state('')
  /** A second zone whose times are shown beside this browser's; '' for none. */
  #zone = $state(zones.find((one) => one === localStorage.getItem('second zone')) ?? '')
  get zone(): string { return this.#zone }
  set zone(chosen: string) {
    this.#zone = chosen
    localStorage.setItem('second zone', chosen)
  }
  /** The open panel: what keyOf says of an event, or a new event with its times. */
  open = $state.raw<{ id: string; files?: File[] } | { start: Date; end: Date; allDay: boolean } | null>(null)
  toasts = $state.raw<Toast[]>([])
  help = $state(false)
  /** How many are open: notices are shown in the one on top. */
  dialogs = $state(0)
  /** The panel that opens next begins to edit. */
  editNow = false
  /** The panel that opens next asks whether to delete the event. */
  deleteNow = false

  /** The link of `#join=` in the page's address: any site may have led here, so that it is joined by a click alone. */
  joinLink = $state('')
  #toastNumber = 0
  #stop: AbortController | null = null

  get user(): Account | null { return this.session?.user ?? null }

  /** Everything that takes place, at each of its times. */
  sorted = $derived([...[...this.events.values()].filter((one) => !one.series), ...[...this.times.values()].filter((one) => this.events.has(one.id))]
    .sort((a, b) => span(a).start.getTime() - span(b).start.getTime() || a.id.localeCompare(b.id)))
  /** Every event once, a series at its next time. */
  listed = $derived([...this.events.values()].sort((a, b) => this.timesOf(a).start.getTime() - this.timesOf(b).start.getTime() || a.id.localeCompare(b.id)))
  /** Those in use, by their names in small letters: as many as a choice can hold, with the one that is chosen. */
  categories = $derived.by(() => {
    const found = new Map<string, string>(), chosen = this.category
    for (const all of [this.events, this.times]) for (const one of all.values()) for (const name of one.categories) found.set(name.toLowerCase(), name)
    return new Map([...[...found].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, 500), ...(chosen ? [[chosen, found.get(chosen) ?? chosen] as const] : [])])
  })
  invitations = $derived(this.listed.filter((one) => this.isInvitation(one) && this.timesOf(one).end > this.now))

  constructor() {
    const follow = () => {
      if (location.hash.startsWith('#join=')) {
        this.joinLink = decodeURIComponent(location.hash.slice(6))
        history.replaceState(null, '', '#/people')
      }
      const wanted = location.hash.slice(2) as View
      if (views.includes(wanted)) this.view = wanted
    }
    addEventListener('hashchange', follow)
    follow()
    setInterval(() => (this.now = new Date()), 30_000)
    document.addEventListener('visibilitychange', () => this.live && void takeReminders())
  }

  go(view: View) {
    this.view = view
    location.hash = `#/${view}`
  }

  isInvitation(one: CalEvent): boolean {
    const me = this.user?.name
    return !!me && one.organizer !== me && !one.answers.some((answer) => answer.name === me)
  }
  timesOf(one: CalEvent) { return span(one.next ?? one) }
  /** What is shown by that key; the whole series where that time is not known, or not any more. */
  find(key: string): CalEvent | undefined { return this.times.get(key) ?? this.events.get(idOf(key)) }
  answerOf(one: CalEvent) {
    return one.answers.find((answer) => answer.name === this.user?.name)?.answer
  }
  #may(one: CalEvent, right: string) { return one.organizer === this.user?.name || one.guests_may.includes(right) }
  mayModify(one: CalEvent) { return this.#may(one, 'modify') }
  mayAttach(one: CalEvent) { return this.#may(one, 'attach') }
  mayDelete(one: CalEvent) { return this.#may(one, 'delete') }

  newEvent(start?: Date, end?: Date, allDay = false) {
    if (!start) {
      start = new Date(this.view === 'calendar' ? this.day : new Date())
      start.setHours(new Date().getHours() + 1, 0, 0, 0)
    }
    this.open = { start, end: end ?? (allDay ? addDays(start, 1) : new Date(start.getTime() + 3_600_000)), allDay }
  }

  toast(text: string, more: { bad?: boolean; action?: Toast['action']; seconds?: number; stays?: boolean } = {}) {
    const id = ++this.#toastNumber
    const made: Toast = { id, text, bad: more.bad ?? false, stays: more.stays ?? false }
    if (more.action) made.action = more.action
    const passing = this.toasts.filter((one) => !one.stays).slice(-3)
    this.toasts = [...this.toasts.filter((one) => one.stays || passing.includes(one)), made]
    const over = () => { // not under somebody's hand
      if (document.querySelector('.toasts:is(:hover, :focus-within)')) setTimeout(over, 2000)
      else this.dismiss(id)
    }
    if (!made.stays) setTimeout(over, (more.seconds ?? (more.bad || more.action ? 9 : 4)) * 1000)
  }
  dismiss(id: number) { this.toasts = this.toasts.filter((one) => one.id !== id) }
  /** What the newest notice offers to undo. */
  undo() {
    const one = this.toasts.findLast((each) => each.action?.label === 'Undo')
    if (!one) return
    this.dismiss(one.id)
    one.action!.run()
  }
  /** Tells a refusal; of a session that is over, signs out. */
  refused(why: unknown, before = '') {
    const problem = problemOf(why)
    if (problem.code === 'cancelled') return
    if (problem.status === 401) return this.end()
    this.toast(before ? `${before}: ${problem.message}` : problem.message, { bad: true })
  }

  // Sessions
  async start() {
    const link = /^#link=([0-9a-f]+)$/.exec(location.hash)?.[1]
    if (link) {
      history.replaceState(null, '', '#/home')
      this.view = 'home'
      try {
        return this.begin(await call<Session>('POST', '/web/session', { link }))
      } catch (why) {
        this.refused(why)
      }
    }
    try {
      this.begin(await get<Session>('/web/session'))
    } catch (why) {
      const problem = problemOf(why)
      this.session = null
      if (problem.code === 'unreachable') setTimeout(() => void this.start(), 2000)
    }
  }
  begin(session: Session) {
    this.session = session
    if (session.user) void this.#follow()
    else {
      this.view = 'status'
      void this.loadStatus()
    }
  }
  end() {
    this.#stop?.abort()
    this.session = this.open = null
    this.category = ''
    this.events = new Map()
    this.times = new Map()
    this.users = []
    this.friends = []
    this.loaded = this.live = false
  }
  async signOut(everywhere: boolean) {
    try {
      if (everywhere) await call('DELETE', '/v1/session')
      await call('DELETE', '/web/session')
    } catch (why) {
      if (problemOf(why).status !== 401) return this.refused(why)
    }
    this.end()
  }

  // Lists
  async load() {
    const read = (list: { events: CalEvent[] }) => (this.events = new Map(list.events.map((one) => [one.id, one])))
    if (!this.loaded) { // what is near first, so that a large calendar is there at once
      const [from, to] = [addDays(this.day, -nearDays), addDays(this.day, nearDays)]
      read(await get<{ events: CalEvent[] }>(`/v1/events?from=${utc(from)}&to=${utc(to)}`))
      await this.#loadTimes()
      this.loaded = true
    }
    const [events, users, friends] = await Promise.all([
      get<{ events: CalEvent[] }>('/v1/events'),
      get<{ users: User[] }>('/v1/users').catch(() => null),
      get<{ friends: Friend[] }>('/v1/friends'),
      this.loadStatus(),
    ])
    read(events)
    if (users) this.users = users.users
    this.friends = friends.friends
    await this.#loadTimes()
  }
  #range: [Date, Date] | null = null
  #asked = 0
  /** The calendar shows these days now. */
  look(from: Date, to: Date) {
    if (this.#range?.[0].getTime() === from.getTime() && this.#range[1].getTime() === to.getTime()) return
    this.#range = [from, to]
    void this.#loadTimes().catch((why: unknown) => this.refused(why))
  }
  async #loadTimes() {
    const asked = ++this.#asked
    const series = [...this.events.values()].some((one) => one.series)
    if (!series && this.times.size === 0) return // what is the same is not drawn anew
    const ranges = [[addDays(new Date(), -1), addDays(new Date(), 31)], ...(this.#range ? [this.#range] : [])]
    const lists = series
      ? await Promise.all(ranges.map(([from, to]) => get<{ events: CalEvent[] }>(`/v1/events?expand=true&from=${utc(from!)}&to=${utc(to!)}`))) : []
    if (asked !== this.#asked) return
    this.times = new Map(lists.flatMap((list) => list.events).filter((one) => one.recurrence_id).map((one) => [keyOf(one), one]))
  }
  async loadStatus() {
    try {
      this.status = await get<Status>('/v1/status')
    } catch (why) {
      if (problemOf(why).status === 401) this.end()
    }
  }
  async loadUsers() {
    const [users, friends] = await Promise.all([
      get<{ users: User[] }>('/v1/users').catch(() => null), get<{ friends: Friend[] }>('/v1/friends').catch(() => null)])
    if (users) this.users = users.users
    if (friends) this.friends = friends.friends
  }
  put(one: CalEvent) {
    if (one.recurrence_id) this.times = new Map(this.times).set(keyOf(one), one)
    else this.#told([[one.id, one]])
  }
  drop(id: string) { this.#told([[id, null]]) }
  #told(found: [string, CalEvent | null][]) {
    if (this.#keep(found)) void this.#loadTimes().catch((why: unknown) => this.refused(why))
  }
  async refresh(ids: Iterable<string>) {
    const found = await Promise.all([...new Set(ids)].map(async (id) => {
      try {
        return [id, await get<CalEvent>(eventPath(id))] as const
      } catch (why) {
        if (problemOf(why).status === 404) return [id, null] as const
        throw why
      }
    }))
    if (this.#keep(found)) await this.#loadTimes()
  }
  /** Events as they are now, null for those that are gone. Those that they overlap, or did, learn it here: nobody asks for each of them.
   *  What is as it was stays the same object, so that nothing is drawn anew. Whether the times of a series have to be read again. */
  #keep(all: (readonly [string, CalEvent | null])[]): boolean {
    const found = all.filter(([id, one]) => JSON.stringify(one) !== JSON.stringify(this.events.get(id) ?? null))
    if (found.length === 0) return false
    const next = new Map(this.events)
    let series = false
    const meets = (id: string, other: string, now: boolean) => {
      const one = next.get(other)
      if (!one || one.conflicts.includes(id) === now) return
      next.set(other, { ...one, conflicts: now ? [...one.conflicts, id] : one.conflicts.filter((each) => each !== id) })
    }
    for (const [id, one] of found) {
      if (one) next.set(id, one)
      else next.delete(id)
    }
    for (const [id, one] of found) {
      const before = this.events.get(id)
      // Which of its times an event overlaps, only the times say.
      series ||= [before, one].some((each) => each?.series || each?.conflicts.some((other) => next.get(other)?.series))
      before?.conflicts.forEach((other) => one?.conflicts.includes(other) || meets(id, other, false))
    }
    for (const [id] of found) next.get(id)?.conflicts.forEach((other) => meets(id, other, true))
    this.events = next
    return series
  }

  /** Takes part in an open event, or waits for its organizer; false: it was refused. */
  async join(link: string): Promise<boolean> {
    try {
      const made = await call<Join>('POST', '/v1/joins', { link })
      const id = made.id
      if (!made.joined) this.toast(`Waiting to join ${id}: ${made.why}`)
      else this.toast(`You have joined ${id}`, { action: { label: 'Open', run: () => (this.open = { id }) } })
      return true
    } catch (why) {
      this.refused(why)
      return false
    }
  }

  // The stream
  async #follow() {
    const stop = (this.#stop = new AbortController())
    let last = '', pause = pauseMinMs
    while (!stop.signal.aborted) {
      const line = new AbortController()
      const end = () => line.abort()
      stop.signal.addEventListener('abort', end)
      let quiet = setTimeout(end, silenceMs)
      try {
        const answer = await ask('GET', '/v1/watch', undefined, last ? { 'Last-Event-ID': last } : {}, line.signal)
        this.live = true
        if (!last || !this.loaded) await this.load()
        else void this.loadStatus()
        this.lastSeen = null
        pause = pauseMinMs
        void takeReminders()
        await stream(answer, (id, data, comment) => {
          clearTimeout(quiet)
          quiet = setTimeout(end, silenceMs)
          const begun = /^changes after (\d+)$/.exec(comment)?.[1]
          if (begun && !last) last = begun
          if (id) last = id
          if (data) this.#take(JSON.parse(data) as Change)
        })
      } catch (why) {
        const problem = problemOf(why)
        if (problem.status === 401) return this.end()
        if (problem.status === 404) last = '' // a new run of the daemon: read everything again
      } finally {
        clearTimeout(quiet)
        stop.signal.removeEventListener('abort', end)
      }
      if (stop.signal.aborted) return
      if (this.live) this.lastSeen = new Date()
      this.live = false
      await new Promise((resume) => setTimeout(resume, pause))
      pause = Math.min(pause * 2, pauseMaxMs)
    }
  }

  #changed = new Set<string>()
  #take(change: Change) {
    if (change.what === 'reminder') void takeReminders()
    else if (change.id.includes('/')) {
      if (this.#changed.size === 0) {
        queueMicrotask(async () => {
          const ids = [...this.#changed]
          this.#changed.clear()
          await this.refresh(ids).catch((why: unknown) => this.refused(why))
        })
      }
      this.#changed.add(change.id)
      if (change.what === 'refused') this.toast(change.text, { bad: true })
      if (change.what === 'invited' && change.by !== this.user?.name) {
        this.toast(change.text, { action: { label: 'Open', run: () => (this.open = { id: change.id }) } })
      }
    } else if (change.what === 'friend') {
      void this.loadUsers()
      if (change.by && change.by !== this.user?.name) this.toast(change.text)
    } else if (change.what === 'signed_out' && change.id === this.user?.name) {
      this.end()
    } else {
      void this.loadStatus()
      if (change.what === 'peer') void this.loadUsers()
    }
  }
}

export const store = new Store()
export { Problem }
