"""Every command of the guides runs, or is marked as needing a cluster; support/docs.py says how."""
import glob
import os
import re
import tempfile
import unittest

from support import fedwave
from support.chart import render, typed
from support.docs import NOT_RUN, Workplace, blocks, helm_commands, images

FOREIGN = ("bash", "shell", "console", "zsh", "shell-session")
REGISTRY = "REGISTRY"  # what the guides call the reader's own


def text_of(*path):
    with open(os.path.join(fedwave.SOURCE_ROOT, *path), encoding="utf-8") as file:
        return file.read()


def guides():
    root = fedwave.SOURCE_ROOT
    found = [path for pattern in ("*.md", "docs/*.md", "charts/*/*.md")
             for path in glob.glob(os.path.join(root, pattern))]
    return sorted(os.path.relpath(path, root) for path in found)


def version():
    [number] = re.findall(r"^project\(fedwave VERSION (\S+)", text_of("CMakeLists.txt"), re.MULTILINE)
    return number


def without_fences(text):
    return re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text):
    """Of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", without_fences(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


class DocsTest(unittest.TestCase):
    def follow(self, name):
        """A guide from its first block to its last, in a folder of its own."""
        folder = tempfile.TemporaryDirectory(prefix="fedwave-docs-")
        self.addCleanup(folder.cleanup)
        workplace = Workplace(folder.name)
        self.addCleanup(workplace.stop)
        commands = 0
        for block in blocks(os.path.join(fedwave.SOURCE_ROOT, name)):
            with self.subTest(block=f"{name}:{block.line}"):
                self.assertNotIn(block.language, FOREIGN, "write ```sh, or ```sh cluster")
                if block.language == "yaml" and block.words:
                    workplace.write(block.words[0], block.text)
                elif block.language == "sh":
                    self.assertIn(block.words, ((), *NOT_RUN))
                    commands += 1
                    self.follow_block(workplace, block)
        self.assertGreater(commands, 0)

    def follow_block(self, workplace, block):
        if not block.words:
            self.run_well(workplace, block.text)
            return
        self.run_well(workplace, f"bash -n <<'BLOCK'\n{block.text}\nBLOCK")
        for command in helm_commands(block.text):
            rendered = self.run_well(workplace, command)
            self.assertEqual(images(rendered), {f"{REGISTRY}/fedwave:{version()}"},
                             f"{command}\nwould run another image than the one that README.md builds")

    def run_well(self, workplace, script):
        done = workplace.run(script)
        self.assertEqual(done.returncode, 0, f"{script}\n{done.stdout}")
        return done.stdout

    def test_the_first_page(self):
        self.follow("README.md")

    def test_the_image(self):
        self.follow("docs/image.md")

    def test_istio_step_by_step(self):
        self.follow("docs/istio.md")

    def test_coming_from_the_collector(self):
        self.follow("docs/migrating.md")

    def test_operating(self):
        self.follow("docs/operating.md")

    def test_a_prometheus_beside_it(self):
        self.follow("charts/prometheus/README.md")

    def test_the_image_has_the_version_of_the_program(self):
        [chart] = render.read_yaml(text_of("charts", "fedwave", "Chart.yaml"))
        self.assertEqual(chart["appVersion"], version())
        for name in guides():
            named = re.findall(r"\b(?:fedwave:|VERSION=)(\d[\w.]*\w)", text_of(name))
            with self.subTest(guide=name):
                self.assertLessEqual(set(named), {version()})
                self.assertTrue(named or name not in ("README.md", "docs/image.md"))

    def test_kubernetes_would_take_the_objects_of_the_guides(self):
        objects = {}
        for name in guides():
            found = [block for block in blocks(os.path.join(fedwave.SOURCE_ROOT, name))
                     if block.language == "yaml" and block.text.startswith("apiVersion:")]
            for block in found:
                for place, item in enumerate(render.read_yaml(block.text)):
                    objects[re.sub(r"\W+", "-", f"{name} {block.line} {place}")] = item
        self.assertEqual({item["kind"] for item in objects.values()}, {"Job", "Role"})
        self.assertEqual(typed.problems(objects), [])

    def test_every_link_leads_somewhere(self):
        for name in guides():
            for target in re.findall(r"\]\(([^)\s]+)\)", without_fences(text_of(name))):
                path, _, heading = target.partition("#")
                if "://" in target:
                    continue
                place = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
                with self.subTest(guide=name, link=target):
                    self.assertTrue(os.path.exists(os.path.join(fedwave.SOURCE_ROOT, place)))
                    if heading:
                        self.assertIn(heading, anchors(text_of(place)))

    def test_a_command_that_fails_is_noticed(self):
        with tempfile.TemporaryDirectory(prefix="fedwave-docs-") as folder:
            workplace = Workplace(folder)
            self.addCleanup(workplace.stop)
            for script in ("false | cat", "fedwave check --config nowhere.yaml",
                           "helm install x charts/fedwave",
                           "helm template x charts/fedwave --set nonsense=1"):
                with self.subTest(script=script):
                    self.assertNotEqual(workplace.run(script).returncode, 0)


if __name__ == "__main__":
    unittest.main()
