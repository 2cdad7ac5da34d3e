;; Opens the file $FILE in Emacs with eglot, set up as the README says, and tells $ANSWER what was shown.
(require 'eglot)
(require 'flymake)
(require 'json)

(add-to-list 'eglot-server-programs `(python-mode . (,(getenv "SERVER_PYTHON") "-m" "headlint" "lsp")))

(defvar answer nil)

(defun tell (name value) (push (cons name value) answer))

(defun wait-for (holds)
  "Handle what the server says until HOLDS does, or too much time has passed."
  (let ((end (+ (float-time) 90)))
    (while (and (not (funcall holds)) (< (float-time) end))
      (accept-process-output nil 0.05)
      (flymake-start))
    (funcall holds)))

(defun texts () (mapcar #'flymake-diagnostic-text (flymake-diagnostics)))

(defun some-text (part) (seq-some (lambda (text) (string-match-p part text)) (texts)))

(find-file (getenv "FILE"))
(python-mode)
(apply #'eglot (eglot--guess-contact))
(wait-for (lambda () (texts)))
(tell 'first (car (texts)))
(tell 'confirmed (if (wait-for (lambda () (some-text "\\[confirmed: "))) t :json-false))
(tell 'last (car (texts)))
(goto-char (flymake-diagnostic-beg (car (flymake-diagnostics))))
(tell 'line (line-number-at-pos))
(let (shown)
  (eglot-hover-eldoc-function (lambda (text &rest _) (setq shown text)))
  (wait-for (lambda () shown))
  (tell 'hover (substring-no-properties (or shown ""))))
;; The first action is the one that is preferred, which Emacs offers when it asks on the keyboard.
(cl-letf ((last-nonmenu-event ?\r)
          ((symbol-function 'completing-read) (lambda (&rest arguments) (car (last arguments)))))
  (call-interactively #'eglot-code-actions))
(tell 'text (buffer-substring-no-properties (point-min) (point-max)))
;; Emacs without a screen is never idle, which is when eglot tells of changes.
(eglot--signal-textDocument/didChange)
(tell 'clean (if (wait-for (lambda () (null (texts)))) t :json-false))
(with-temp-file (getenv "ANSWER") (insert (json-encode answer)))
(eglot-shutdown (eglot-current-server))
(kill-emacs 0)
