import { vitePreprocess } from '@sveltejs/vite-plugin-svelte'

// Fragments as trees are smaller than as HTML, and need no innerHTML.
export default { preprocess: vitePreprocess({ style: false }), compilerOptions: { discloseVersion: false, fragments: 'tree' } }
