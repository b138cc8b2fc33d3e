import { button, element, messageOf } from './ui/dom.js';

/** Shows the camera in a dialog and takes a picture. @returns undefined where the visitor closes it */
export function takePicture(): Promise<File | undefined> {
  const video = element('video', { autoplay: true, muted: true, playsInline: true, 'aria-label': 'Camera' });
  const problem = element('p', { className: 'problem', role: 'alert', hidden: true });
  const dialog = element('dialog', { 'aria-label': 'Camera' });
  return new Promise((resolve) => {
    let stream: MediaStream | undefined;
    const end = (file: File | undefined): void => {
      for (const track of stream?.getTracks() ?? []) track.stop();
      dialog.remove();
      resolve(file);
    };
    const take = button('Take picture', async () => {
      const canvas = element('canvas', { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext('2d')?.drawImage(video, 0, 0);
      const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'));
      end(
        blob
          ? new File([blob], `camera ${new Date().toLocaleTimeString('en-GB').replaceAll(':', '.')}.png`)
          : undefined,
      );
    });
    take.className = 'main';
    take.disabled = true;
    video.onloadeddata = () => {
      take.disabled = false;
      take.focus();
    };
    dialog.append(
      video,
      problem,
      element(
        'div',
        { className: 'row' },
        take,
        button('Close', () => end(undefined)),
      ),
    );
    dialog.oncancel = () => end(undefined);
    document.body.append(dialog);
    dialog.showModal();
    const media = navigator.mediaDevices?.getUserMedia({ video: { facingMode: 'environment' } });
    (media ?? Promise.reject(new Error('This browser gives no camera to this page.'))).then(
      (found) => {
        stream = found;
        if (dialog.isConnected) video.srcObject = found;
        else end(undefined);
      },
      (error: unknown) => {
        problem.textContent = `The camera cannot be used: ${messageOf(error)}`;
        problem.hidden = false;
      },
    );
  });
}
