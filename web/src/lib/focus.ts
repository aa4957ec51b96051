// Who works by keys goes on where he was, although what he works on is drawn anew whenever it changes.

/**
 * Keeps the focus on that box inside `root` (matched by `selector`, told apart by data-id) which has it, when the box is replaced by
 * another of the same data-id, or when a dialog over it closes. It is given up when something else is focused or clicked.
 */
export function keepFocus(root: HTMLElement, selector: string) {
  let kept = ''
  const boxOf = (target: EventTarget | null) => (target instanceof Element ? target.closest<HTMLElement>(selector) : null)
  const inDialog = (target: EventTarget | null) => target instanceof Element && !!target.closest('dialog')
  const note = (event: Event) => {
    if (inDialog(event.target)) return
    const box = boxOf(event.target)
    kept = box && root.contains(box) ? (box.dataset.id ?? '') : ''
  }
  const restore = () => {
    if (!kept || document.activeElement !== document.body || document.querySelector('dialog[open]')) return
    for (const box of root.querySelectorAll<HTMLElement>(selector)) {
      if (box.dataset.id === kept) return box.focus()
    }
  }
  const watcher = new MutationObserver(restore)
  watcher.observe(document.body, { childList: true, subtree: true })
  document.addEventListener('focusin', note)
  document.addEventListener('pointerdown', note)
  return {
    destroy() {
      watcher.disconnect()
      document.removeEventListener('focusin', note)
      document.removeEventListener('pointerdown', note)
    },
  }
}
